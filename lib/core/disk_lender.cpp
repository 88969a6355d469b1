#include "core/disk_lender.hpp"

#include "wire/codec.hpp"

namespace mobula::core {

using wire::node_id;
using wire::process_id;

void disk_lender::grant(node_id reader, std::uint64_t token, const copy& one) {
  const std::uint64_t size = one.name.size_bytes;
  if (size <= whole_bytes_) {
    ++reads_;
    return read({{reader, token}, one.range, true, 0, {}}, size);
  }
  const bool fresh = pins_.try_emplace({reader, token}, pinned_range{one.range, size}).second;
  if (!fresh) return;  // it can't tell the answers apart
  ++reads_;
  places_.hold(one.range);
  wire::store_pinned answer;
  answer.token = token;
  answer.answer = wire::pin_answer::by_messages;
  wire::send(out_, process_id::scheduler_of(reader), answer);
}

// The range is held by the reading itself: the pin may be back before it has ended.
void disk_lender::read(reading one, std::uint64_t size_bytes) {
  one.bytes.resize(size_bytes);
  places_.hold(one.range);
  const auto into = std::span{one.bytes};  // it stays there when the vector is moved
  const std::uint64_t token = places_.read(one.range, one.offset, into);
  readings_.emplace(token, std::move(one));
}

bool disk_lender::on_read(node_id reader, const wire::store_read& request) {
  const auto at = pins_.find({reader, request.token});
  if (at == pins_.end()) return false;
  const pinned_range& one = at->second;
  const bool inside = request.size_bytes <= part_bytes_ && request.offset <= one.size_bytes &&
                      request.size_bytes <= one.size_bytes - request.offset;
  if (inside) {
    read({at->first, one.range, false, request.offset, {}}, request.size_bytes);
  } else {
    wire::store_part part;
    part.token = request.token;
    part.offset = request.offset;
    part.gone = true;
    wire::send(out_, process_id::scheduler_of(reader), part);
  }
  return true;
}

void disk_lender::on_disk(std::uint64_t token, bool succeeded) {
  const auto done = readings_.extract(token);
  if (!done) return;
  const reading& one = done.mapped();
  places_.let_go(one.range);
  const auto [reader, pin] = one.whose;
  const process_id to = process_id::scheduler_of(reader);
  if (one.whole) {
    wire::store_pinned answer;
    answer.token = pin;
    if (succeeded) {
      answer.answer = wire::pin_answer::whole;
      answer.bytes = one.bytes;
    }
    return wire::send(out_, to, answer);
  }
  wire::store_part part;
  part.token = pin;
  part.offset = one.offset;
  part.gone = !succeeded;
  if (succeeded) part.bytes = one.bytes;
  wire::send(out_, to, part);
}

void disk_lender::unpin(node_id reader, std::uint64_t token) {
  const auto pinned = pins_.extract({reader, token});
  if (pinned) places_.let_go(pinned.mapped().range);
}

void disk_lender::on_node_ended(node_id node) {
  for (auto at = pins_.lower_bound({node, 0}); at != pins_.end() && at->first.first == node;) {
    places_.let_go(at->second.range);
    at = pins_.erase(at);
  }
}

}  // namespace mobula::core
