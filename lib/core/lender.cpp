#include "core/lender.hpp"

#include "wire/codec.hpp"

namespace mobula::core {

using wire::location;
using wire::node_id;
using wire::process_id;

bool lender::takes(node_id reader, const wire::store_pin& request, const location& block,
                   std::size_t waiting) {
  const bool insists = request.way == wire::pin_way::insisting;
  const auto other =
      pins_.spread(block).ask(reader, request.level, pins_.pins_of(block) + waiting, insists);
  if (!other) return true;
  wire::store_pinned answer;
  answer.token = request.token;
  answer.answer = wire::pin_answer::elsewhere;
  answer.node = other->node;
  answer.level = other->level;
  send(reader, answer);
  return false;
}

void lender::grant(node_id reader, std::uint64_t token, const location& block) {
  const auto bytes = pins_.bytes(block);
  if (!bytes) return refuse(reader, token);
  wire::store_pinned answer;
  answer.token = token;
  if (block.size_bytes <= whole_bytes_) {
    ++reads_;
    answer.answer = wire::pin_answer::whole;
    answer.bytes = *bytes;
    return send(reader, answer);
  }
  const auto [is_new, shown] = pins_.pin(reader, token, block);
  if (!is_new) return;  // it can't tell the answers apart
  ++reads_;
  answer.answer = shown ? wire::pin_answer::by_rma : wire::pin_answer::by_messages;
  if (shown)
    answer.segments.push_back({shown->address, block.size_bytes, shown->key, shown->key_bytes});
  send(reader, answer);
  tell_revoked();
}

void lender::refuse(node_id reader, std::uint64_t token) {
  wire::store_pinned answer;
  answer.token = token;
  send(reader, answer);
}

void lender::send(node_id reader, const wire::store_pinned& answer) {
  wire::send(out_, process_id::scheduler_of(reader), answer);
}

void lender::on_unpin(node_id reader, const wire::store_unpin& back) {
  for (const std::uint64_t token : back.tokens) pins_.unpin(reader, token);
  tell_revoked();
}

void lender::on_read(node_id reader, const wire::store_read& request) {
  wire::store_part part;
  part.token = request.token;
  part.offset = request.offset;
  part.gone = true;
  const location* block = pins_.pinned(reader, request.token);
  const bool inside = block && request.size_bytes <= part_bytes_ &&
                      request.offset <= block->size_bytes &&
                      request.size_bytes <= block->size_bytes - request.offset;
  if (inside) {
    if (const auto bytes = pins_.bytes(*block)) {
      part.gone = false;
      part.bytes = bytes->subspan(request.offset, request.size_bytes);
    }
  }
  wire::send(out_, process_id::scheduler_of(reader), part);
}

void lender::on_node_ended(node_id node) {
  pins_.on_node_ended(node);
  tell_revoked();
}

void lender::tell_revoked() {
  if (!remote_) return;
  for (const remote_memory::revoked_key& one : remote_->take_revoked())
    wire::send(out_, process_id::scheduler_of(one.reader), wire::key_revoke{{one.key}});
}

}  // namespace mobula::core
