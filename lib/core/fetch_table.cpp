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
using wire::node_id;
using wire::object_id;
using wire::process_id;

fetch_table::fetch_table(process_id self, std::uint32_t nodes, block_store& memory,
                         remote_memory* remote, room_line& line, copy_table& copies, lender& lends,
                         copy_search& searches, const local_pins* pins,
                         const ended_processes& ended, wire::outbox& out, fetch_limits limits)
    : self_{self},
      nodes_{nodes},
      memory_{memory},
      remote_{remote},
      line_{line},
      copies_{copies},
      lends_{lends},
      searches_{searches},
      pins_{pins},
      ended_{ended},
      out_{out},
      limits_{limits},
      queue_{limits} {}

// ---- asking

void fetch_table::ask(const fetch_asker& who, const wire::store_fetch& request) {
  const location& from = request.from;
  const auto known = fetches_.find(request.object);
  if (known != fetches_.end()) {
    fetch& one = known->second;
    one.askers.push_back(who);
    const bool same = from.size_bytes == one.where.size_bytes;
    if (same && std::ranges::count(one.sources, from) == 0) one.sources.push_back(from);
    if (one.is_to_begin && request.urgency == wire::fetch_urgency::get) {
      one.is_to_begin = false;
      if (one.now == fetch::phase::in_line) {
        one.urgency = std::min(one.urgency, request.urgency);
        line_.withdraw(one.in_line);
        return stand_in_line(one);
      }
    }
    if (request.urgency < one.urgency) {
      one.urgency = request.urgency;
      one.hungry = false;  // it stands where it stood, too
      make_hungry(one);
      pump();
    }
    return;
  }
  fetch& one = fetches_[request.object];
  one.object = request.object;
  one.where.size_bytes = from.size_bytes;
  one.urgency = request.urgency;
  one.numa_node = request.numa_node;
  one.sources.push_back(from);
  one.askers.push_back(who);
  one.begin_with_source();
  one.is_to_begin = request.urgency != wire::fetch_urgency::get;
  stand_in_line(one);
}

void fetch_table::stand_in_line(fetch& one) {
  const object_id object = one.object;
  room_line::want want;
  want.whence = one.is_to_begin ? room_line::lane::to_begin : room_line::lane::running;
  want.size_bytes = one.where.size_bytes;
  want.take = [this, node = one.numa_node, size = one.where.size_bytes] {
    return memory_.allocate_near(node, size);
  };
  want.taken = [this, object](const block_store::allocation& room) { begin(object, room); };
  const std::uint64_t number = line_.ask(std::move(want));
  // It may be over already.
  if (const auto still = fetches_.find(object); number != 0 && still != fetches_.end())
    still->second.in_line = number;
}

void fetch_table::begin(object_id object, const block_store::allocation& room) {
  fetch& one = fetches_.at(object);
  one.in_line = 0;
  if (room.error) return fail(one, *room.error);
  one.where = room.where;
  one.now = fetch::phase::to_ask;
  bytes_ += one.where.size_bytes;
  renew_token(one);
  make_hungry(one);
  pump();
}

void fetch_table::renew_token(fetch& one) {
  by_token_.erase(one.token);
  one.token = ++last_token_;
  by_token_[one.token] = one.object;
  one.hungry = false;
}

fetch* fetch_table::find(node_id from, std::uint64_t token) {
  const auto at = by_token_.find(token);
  if (at == by_token_.end()) return nullptr;
  fetch& one = fetches_.at(at->second);
  return one.holder == from ? &one : nullptr;
}

bool fetch_table::may_act(const fetch& one) const {
  if (one.now == fetch::phase::to_ask) return true;
  return one.now == fetch::phase::reading && one.has_more() && !one.stalled &&
         one.asked.size() < limits_.pieces_a_fetch;
}

void fetch_table::make_hungry(fetch& one) {
  if (one.hungry || !may_act(one)) return;
  one.hungry = true;
  queue_.add(one.token, one.holder, one.urgency);
}

void fetch_table::pump() {
  while (const auto token = queue_.next()) {
    const auto at = by_token_.find(*token);
    if (at == by_token_.end()) continue;  // it has ended meanwhile, or reads elsewhere
    fetch& one = fetches_.at(at->second);
    // It stood there twice, or waits for what is under way.
    if (!std::exchange(one.hungry, false) || !may_act(one)) continue;
    one.now == fetch::phase::to_ask ? ask_holder(one) : ask_piece(one);
    make_hungry(one);
  }
}

void fetch_table::ask_holder(fetch& one) {
  wire::store_pin question;
  question.token = one.token;
  question.object = one.object;
  question.where = one.sources.empty() ? one.where : one.sources.front();
  question.way = one.way;
  question.level = one.level;
  one.now = fetch::phase::asked;
  if (one.where.size_bytes <= limits_.whole_bytes) one.reserved_bytes = one.where.size_bytes;
  queue_.started(one.holder, one.reserved_bytes);
  wire::send(out_, process_id::scheduler_of(one.holder), question);
}

void fetch_table::ask_piece(fetch& one) {
  const fetch_piece piece = one.next_piece(one.by_rma ? limits_.chunk_bytes : limits_.part_bytes);
  if (one.by_rma) {
    const bool begun = remote_->start({one.token, one.holder, one.memory.address + piece.offset,
                                       one.memory.key, one.key_bytes, one.where, piece.offset,
                                       static_cast<std::size_t>(piece.size_bytes)});
    if (!begun) {
      // By messages then, once no piece of the other kind is under way.
      one.missing.push_back(piece);
      one.stalled = !one.asked.empty();
      one.by_rma = one.stalled;
      return;
    }
  } else {
    wire::store_read read;
    read.token = one.token;
    read.offset = piece.offset;
    read.size_bytes = static_cast<std::uint32_t>(piece.size_bytes);
    wire::send(out_, process_id::scheduler_of(one.holder), read);
  }
  one.asked.push_back(piece);
  queue_.started(one.holder, piece.size_bytes);
}

// ---- answers

void fetch_table::on_pinned(node_id from, const wire::store_pinned& answer) {
  using wire::pin_answer;
  fetch* const found = find(from, answer.token);
  if (!found || found->now != fetch::phase::asked) {
    // Nobody wants it any more.
    const bool pinned =
        answer.answer == pin_answer::by_messages || answer.answer == pin_answer::by_rma;
    if (!found && pinned) unpins_[from].push_back(answer.token);
    return;
  }
  fetch& one = *found;
  release_reserve(one);
  switch (answer.answer) {
    case pin_answer::gone:
      source_failed(one, "has it no more");
      break;
    case pin_answer::elsewhere:
      follow(one, answer);
      break;
    case pin_answer::whole:
      take_whole(one, answer.bytes);
      break;
    case pin_answer::by_messages:
    case pin_answer::by_rma:
      begin_reading(one, answer);
      break;
  }
  pump();
}

void fetch_table::release_reserve(fetch& one) {
  queue_.ended(one.holder, std::exchange(one.reserved_bytes, 0));
}

void fetch_table::take_whole(fetch& one, wire::blob bytes) {
  if (bytes.size() != one.where.size_bytes) return source_failed(one, "sent something else");
  if (!copy_in(one, 0, bytes)) return;
  one.received_bytes = bytes.size();
  complete(one);
}

void fetch_table::begin_reading(fetch& one, const wire::store_pinned& answer) {
  one.pinned = true;
  one.now = fetch::phase::reading;
  one.by_rma = false;
  if (answer.answer == wire::pin_answer::by_rma) {
    const bool fits =
        answer.segments.size() == 1 && answer.segments.front().size_bytes == one.where.size_bytes;
    if (!fits) return source_failed(one, "sent something else");
    if (remote_) {
      one.by_rma = true;
      one.memory = answer.segments.front();
      one.key_bytes.assign(one.memory.key_bytes.begin(), one.memory.key_bytes.end());
      one.memory.key_bytes = {};
    }
  }
  if (one.received_bytes == one.where.size_bytes) return complete(one);
  make_hungry(one);
}

// The holder has readers enough, and names one that has the object or will have it.
void fetch_table::follow(fetch& one, const wire::store_pinned& answer) {
  const node_id next = answer.node;
  const bool possible = next < nodes_ && next != self_.node() && next != one.holder &&
                        answer.level < nodes_ && !ended_.has(process_id::scheduler_of(next));
  if (!possible && one.way == wire::pin_way::located) {
    one.way = wire::pin_way::insisting;
    return ask_source(one);
  }
  if (!possible || one.way == wire::pin_way::insisting) return source_failed(one, "knows nobody");
  // Who waits here was told of a lower level: it must not wait for who waits for it.
  if (answer.level + 1 > one.level) refuse_readers(one);
  one.way = wire::pin_way::referred;
  one.level = answer.level + 1;
  one.holder = next;
  one.now = fetch::phase::to_ask;
  renew_token(one);
  make_hungry(one);
}

void fetch_table::on_part(node_id from, const wire::store_part& part) {
  fetch* const found = find(from, part.token);
  if (!found || found->now != fetch::phase::reading || found->by_rma) return;
  fetch& one = *found;
  const auto asked = std::ranges::find(one.asked, part.offset, &fetch_piece::offset);
  if (part.gone || asked == one.asked.end() || part.bytes.size() != asked->size_bytes) {
    source_failed(one, part.gone ? "has it no more" : "sent something else");
  } else if (copy_in(one, part.offset, part.bytes)) {
    arrived(one, asked);
  }
  pump();
}

bool fetch_table::copy_in(fetch& one, std::uint64_t offset, wire::blob bytes) {
  const auto room = memory_.bytes(one.where);
  if (!room) {
    fail(one, make_error(wire::error_code::store_full, self_,
                         "the scheduler of node " + std::to_string(self_.node()) +
                             " can't map the memory for an object that it fetches; see the limits "
                             "of its address space (ulimit -v, vm.max_map_count)"));
    return false;
  }
  if (!bytes.empty()) std::memcpy(room->data() + offset, bytes.data(), bytes.size());
  return true;
}

void fetch_table::arrived(fetch& one, std::vector<fetch_piece>::iterator piece) {
  queue_.ended(one.holder, piece->size_bytes);
  one.received_bytes += piece->size_bytes;
  one.asked.erase(piece);
  if (one.now == fetch::phase::draining) {
    if (one.asked.empty()) source_failed(one, one.failure);
  } else if (one.asked.empty() && !one.has_more()) {
    complete(one);
  } else {
    make_hungry(one);
  }
}

void fetch_table::on_remote_read(std::uint64_t token, std::uint64_t offset, bool succeeded) {
  if (const auto at = draining_.find(token); at != draining_.end()) {
    drained(at, offset);
    return pump();
  }
  const auto at = by_token_.find(token);
  invariant(at != by_token_.end(), "a fetch lasts as long as its reads", token, offset);
  fetch& one = fetches_.at(at->second);
  const auto asked = std::ranges::find(one.asked, offset, &fetch_piece::offset);
  invariant(asked != one.asked.end(), "a read that ends was begun", token, offset);
  one.stalled = false;
  if (succeeded) {
    arrived(one, asked);
  } else {
    queue_.ended(one.holder, asked->size_bytes);
    one.missing.push_back(*asked);
    one.asked.erase(asked);
    source_failed(one, "can't be read from");
  }
  pump();
}

void fetch_table::drained(std::map<std::uint64_t, draining_block>::iterator one,
                          std::uint64_t offset) {
  draining_block& block = one->second;
  const auto asked = std::ranges::find(block.asked, offset, &fetch_piece::offset);
  invariant(asked != block.asked.end(), "a read that ends was begun", one->first, offset);
  queue_.ended(block.holder, asked->size_bytes);
  block.asked.erase(asked);
  if (!block.asked.empty()) return;
  unpins_[block.holder].push_back(one->first);
  bytes_ -= block.where.size_bytes;
  memory_.release(block.where);
  draining_.erase(one);
}

// ---- readers elsewhere

bool fetch_table::wait_for(node_id reader, const wire::store_pin& request) {
  const auto at = fetches_.find(request.object);
  if (at == fetches_.end()) return false;
  fetch& one = at->second;
  if (one.now == fetch::phase::in_line || one.where.size_bytes != request.where.size_bytes ||
      one.level >= request.level)
    return false;
  if (lends_.takes(reader, request, one.where, one.readers.size()))
    one.readers.push_back({reader, request.token});
  return true;
}

void fetch_table::refuse_readers(fetch& one) {
  for (const auto& reader : std::exchange(one.readers, {}))
    lends_.refuse(reader.node, reader.token);
}

// ---- ends

void fetch_table::source_failed(fetch& one, std::string_view why) {
  if (one.by_rma && !one.asked.empty()) {
    if (one.now != fetch::phase::draining) one.failure = why;
    one.now = fetch::phase::draining;
    return;
  }
  // The answers to what was asked by messages are no longer waited for.
  for (const fetch_piece& piece : one.asked) queue_.ended(one.holder, piece.size_bytes);
  one.ask_again();
  release_reserve(one);
  if (one.now == fetch::phase::draining) {
    next_source(one, std::string{one.failure});
  } else {
    next_source(one, why);
  }
}

void fetch_table::next_source(fetch& one, std::string_view why) {
  unpin(one);
  if (one.received_bytes == one.where.size_bytes && one.received_bytes != 0) return complete(one);
  location last = {};
  if (!one.sources.empty()) last = one.sources.front();
  if (one.is_referred() && !one.sources.empty()) {
    one.way = wire::pin_way::insisting;
  } else {
    if (!one.sources.empty()) one.sources.erase(one.sources.begin());
    one.way = wire::pin_way::located;
  }
  if (one.sources.empty()) return lose(one, last, why);
  ask_source(one);
}

// All that is known of here has failed; its owner may know more.
void fetch_table::lose(fetch& one, const location& last, std::string_view why) {
  const auto error = object_lost(self_, one.object.owner(), one.holder, why);
  const auto askers = std::move(one.askers);
  wire::store_fetch request;
  request.object = one.object;
  request.from = last;
  request.urgency = one.urgency;
  request.numa_node = one.numa_node;
  end(one, false);
  for (const fetch_asker& who : askers) {
    request.token = who.token;
    searches_.ask(who, request, error);
  }
}

void fetch_table::ask_source(fetch& one) {
  one.begin_with_source();
  if (one.now == fetch::phase::in_line) return;
  one.now = fetch::phase::to_ask;
  one.by_rma = one.stalled = false;
  renew_token(one);
  make_hungry(one);
}

void fetch_table::unpin(fetch& one) {
  if (std::exchange(one.pinned, false)) unpins_[one.holder].push_back(one.token);
}

void fetch_table::complete(fetch& one) {
  invariant(one.received_bytes == one.where.size_bytes, "a fetched object is whole",
            one.received_bytes, one.where.size_bytes);
  hops_max_ = std::max<std::uint64_t>(hops_max_, one.level);
  const copy& made = copies_.add_replica(one.object, one.where);
  wire::send(out_, one.object.owner(), wire::replica_add{one.object, one.where});
  for (const fetch_asker& who : one.askers) tell_fetched(out_, who, made, pins_);
  for (const auto& reader : std::exchange(one.readers, {}))
    lends_.grant(reader.node, reader.token, one.where);
  end(one, true);
}

void fetch_table::fail(fetch& one, const wire::error_value& error) {
  for (const fetch_asker& who : one.askers) refuse_fetch(out_, who, error);
  end(one, false);
}

void fetch_table::end(fetch& one, bool keep_block) {
  if (one.now == fetch::phase::in_line) {
    line_.withdraw(one.in_line);
    fetches_.erase(object_id{one.object});
    return;
  }
  refuse_readers(one);
  release_reserve(one);
  if (one.by_rma && !one.asked.empty()) {
    invariant(!keep_block, "nothing writes into an object that is whole", one.asked.size());
    draining_[one.token] = {one.where, one.holder, std::move(one.asked)};
  } else {
    for (const fetch_piece& piece : one.asked) queue_.ended(one.holder, piece.size_bytes);
    unpin(one);
    bytes_ -= one.where.size_bytes;
    if (!keep_block) memory_.release(one.where);
  }
  by_token_.erase(one.token);
  fetches_.erase(object_id{one.object});
}

void fetch_table::flush() {
  for (auto& [node, tokens] : unpins_)
    wire::send(out_, process_id::scheduler_of(node), wire::store_unpin{std::move(tokens)});
  unpins_.clear();
}

std::vector<fetch*> fetch_table::all() {
  std::vector<fetch*> list;
  list.reserve(fetches_.size());
  for (auto& [object, one] : fetches_) list.push_back(&one);
  return list;
}

void fetch_table::on_process_ended(process_id ended) {
  for (fetch* one : all()) {
    std::erase_if(one->askers, [ended](const fetch_asker& who) { return who.process == ended; });
    if (one->object.owner() == ended) {
      fail(*one, owner_died(ended));
    } else if (one->askers.empty()) {
      end(*one, false);
    }
  }
  pump();
}

void fetch_table::on_node_ended(node_id node) {
  unpins_.erase(node);
  for (fetch* one : all()) {
    std::erase_if(one->readers, [node](const auto& reader) { return reader.node == node; });
    // Those that stand by first: a source that fails takes the next.
    const auto in_use = one->sources.begin() + (one->is_referred() ? 0 : 1);
    one->sources.erase(std::remove_if(in_use, one->sources.end(),
                                      [node](const location& where) { return where.node == node; }),
                       one->sources.end());
    if (one->object.owner().node() == node) {
      fail(*one, owner_died(one->object.owner()));
    } else if (one->holder == node) {
      source_failed(*one, "has ended");
    }
  }
  pump();
}

}  // namespace mobula::core
