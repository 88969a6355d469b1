#include "core/fetch_table.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/errors.hpp"
#include "core/invariant.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::location;
using wire::object_id;
using wire::process_id;

void refuse_fetch(wire::outbox& out, const fetch_table::asker& who,
                  const wire::error_value& error) {
  const std::vector<std::byte> bytes = encoded(error);
  wire::store_fetched answer;
  answer.token = who.token;
  answer.error = bytes;
  wire::send(out, who.process, answer);
}

fetch_table::fetch_table(process_id self, block_store& memory, copy_table& copies,
                         wire::outbox& out, fetch_limits limits)
    : self_{self}, memory_{memory}, copies_{copies}, out_{out}, limits_{limits} {}

void fetch_table::ask(const asker& who, object_id object, const location& from) {
  const auto known = fetches_.find(object);
  if (known != fetches_.end()) {
    fetch& one = known->second;
    one.askers.push_back(who);
    const bool same = from.size_bytes == one.where.size_bytes;
    if (same && std::ranges::count(one.sources, from) == 0) one.sources.push_back(from);
    return;
  }
  const block_store::allocation room = memory_.allocate(from.size_bytes);
  if (room.error) return refuse_fetch(out_, who, *room.error);

  fetch& one = fetches_[object];
  one.object = object;
  one.where = room.where;
  one.sources.push_back(from);
  one.askers.push_back(who);
  one.token = ++last_token_;
  // An empty object has no part to ask for; that it is there is asked all the same.
  if (from.size_bytes == 0) one.missing.push_back(0);
  by_token_[one.token] = object;
  bytes_ += one.where.size_bytes;
  make_hungry(one);
  pump();
}

std::uint64_t fetch_table::part_size(const fetch& one, std::uint64_t offset) const {
  return std::min<std::uint64_t>(limits_.part_bytes, one.where.size_bytes - offset);
}

bool fetch_table::has_more(const fetch& one) const {
  return !one.missing.empty() || one.next_offset < one.where.size_bytes;
}

bool fetch_table::may_ask(const fetch& one) const {
  return has_more(one) && one.asked.size() < limits_.parts_a_fetch;
}

void fetch_table::make_hungry(fetch& one) {
  if (one.hungry || !may_ask(one)) return;
  one.hungry = true;
  const wire::node_id node = one.sources.front().node;
  holder& from = holders_[node];
  from.hungry.push_back(one.token);
  queue(node, from);
}

void fetch_table::queue(wire::node_id node, holder& one) {
  if (one.queued || one.hungry.empty() || one.parts_in_flight >= limits_.parts_a_holder) return;
  one.queued = true;
  turn_.push_back(node);
}

// Asks for parts as far as the limits go: one from each holder in turn, there one of each fetch.
void fetch_table::pump() {
  while (!turn_.empty() && parts_in_flight_ < limits_.parts_in_all) {
    const wire::node_id node = turn_.front();
    turn_.pop_front();
    holder& from = holders_[node];
    from.queued = false;
    const auto token = by_token_.find(from.hungry.front());
    from.hungry.pop_front();
    if (token != by_token_.end()) {  // otherwise it has ended meanwhile, or reads elsewhere
      fetch& one = fetches_.at(token->second);
      one.hungry = false;
      ask_part(one, from);
      make_hungry(one);
    }
    queue(node, from);
  }
}

void fetch_table::ask_part(fetch& one, holder& from) {
  invariant(may_ask(one), "a hungry fetch may ask", one.asked.size(), one.next_offset);
  wire::store_read read;
  if (one.missing.empty()) {
    read.offset = one.next_offset;
    one.next_offset += part_size(one, read.offset);
  } else {
    read.offset = one.missing.back();
    one.missing.pop_back();
  }
  read.token = one.token;
  read.object = one.object;
  read.where = one.sources.front();
  read.size_bytes = static_cast<std::uint32_t>(part_size(one, read.offset));
  one.asked.push_back(read.offset);
  ++from.parts_in_flight;
  ++parts_in_flight_;
  wire::send(out_, process_id::scheduler_of(read.where.node), read);
}

void fetch_table::on_part(process_id from, const wire::store_part& part) {
  const auto token = by_token_.find(part.token);
  if (token == by_token_.end()) return;
  fetch& one = fetches_.at(token->second);
  if (from != process_id::scheduler_of(one.sources.front().node)) return;
  const auto asked = std::ranges::find(one.asked, part.offset);
  if (part.gone || asked == one.asked.end() || part.bytes.size() != part_size(one, part.offset)) {
    source_failed(one, part.gone ? "has it no more" : "sent something else");
    return pump();
  }
  const auto room = memory_.bytes(one.where);
  if (!room) {
    fail(one, make_error(wire::error_code::store_full, self_,
                         "the scheduler of node " + std::to_string(self_.node()) +
                             " can't map the memory for an object that it fetches; see the limits "
                             "of its address space (ulimit -v, vm.max_map_count)"));
    return pump();
  }
  if (!part.bytes.empty())
    std::memcpy(room->data() + part.offset, part.bytes.data(), part.bytes.size());
  one.asked.erase(asked);
  one.received_bytes += part.bytes.size();
  forget_asked(one, 1);
  if (one.asked.empty() && !has_more(one)) {
    complete(one);
  } else {
    make_hungry(one);
  }
  pump();
}

void fetch_table::forget_asked(fetch& one, std::size_t count) {
  const wire::node_id node = one.sources.front().node;
  holder& from = holders_[node];
  invariant(from.parts_in_flight >= count && parts_in_flight_ >= count, "parts in flight add up",
            from.parts_in_flight, parts_in_flight_);
  from.parts_in_flight -= static_cast<std::uint32_t>(count);
  parts_in_flight_ -= static_cast<std::uint32_t>(count);
  queue(node, from);
}

// The answers to what was asked are no longer waited for.
void fetch_table::take_back(fetch& one) {
  forget_asked(one, one.asked.size());
  one.missing.insert(one.missing.end(), one.asked.begin(), one.asked.end());
  one.asked.clear();
}

void fetch_table::source_failed(fetch& one, std::string_view why) {
  take_back(one);
  const wire::node_id failed = one.sources.front().node;
  if (one.sources.size() == 1) {
    fail(one, make_error(wire::error_code::object_lost, self_,
                         "an object of " + name_of(one.object.owner()) + " is lost: node " +
                             std::to_string(failed) + ", which held it, " + std::string{why}));
    return;
  }
  one.sources.erase(one.sources.begin());
  one.hungry = false;
  by_token_.erase(one.token);
  one.token = ++last_token_;
  by_token_[one.token] = one.object;
  make_hungry(one);
}

void fetch_table::complete(fetch& one) {
  invariant(one.received_bytes == one.where.size_bytes, "a fetched object is whole",
            one.received_bytes, one.where.size_bytes);
  copies_.add_replica(one.object, one.where);
  wire::send(out_, one.object.owner(), wire::replica_add{one.object, one.where});
  for (const asker& who : one.askers)
    wire::send(out_, who.process, wire::store_fetched{who.token, one.where, {}});
  end(one, true);
}

void fetch_table::fail(fetch& one, const wire::error_value& error) {
  for (const asker& who : one.askers) refuse_fetch(out_, who, error);
  take_back(one);
  end(one, false);
}

void fetch_table::end(fetch& one, bool keep_block) {
  if (!keep_block) memory_.release(one.where);
  bytes_ -= one.where.size_bytes;
  by_token_.erase(one.token);
  fetches_.erase(object_id{one.object});
}

std::vector<fetch_table::fetch*> fetch_table::all() {
  std::vector<fetch*> list;
  list.reserve(fetches_.size());
  for (auto& [object, one] : fetches_) list.push_back(&one);
  return list;
}

void fetch_table::on_process_ended(process_id ended) {
  for (fetch* one : all()) {
    std::erase_if(one->askers, [ended](const asker& who) { return who.process == ended; });
    if (one->object.owner() == ended) {
      fail(*one, make_error(wire::error_code::owner_died, ended,
                            name_of(ended) + ", which owned the object, has ended"));
    } else if (one->askers.empty()) {
      take_back(*one);
      end(*one, false);
    }
  }
  pump();
}

void fetch_table::on_node_ended(wire::node_id node) {
  for (fetch* one : all()) {
    const auto gone = [node](const location& where) { return where.node == node; };
    // Those that stand by first: a source that fails takes the next.
    one->sources.erase(std::remove_if(one->sources.begin() + 1, one->sources.end(), gone),
                       one->sources.end());
    if (one->object.owner().node() == node) {
      fail(*one, make_error(wire::error_code::owner_died, one->object.owner(),
                            name_of(one->object.owner()) + ", which owned the object, has ended"));
    } else if (gone(one->sources.front())) {
      source_failed(*one, "has ended");
    }
  }
  pump();
}

}  // namespace mobula::core
