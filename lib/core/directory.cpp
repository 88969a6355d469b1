#include "core/directory.hpp"

#include <string>

#include "core/errors.hpp"
#include "core/holders.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::location;
using wire::message_type;
using wire::process_id;

directory::directory(wire::node_id node, std::uint32_t nodes, const parts& with,
                     const limits& named)
    : self_{process_id::scheduler_of(node)},
      nodes_{nodes},
      remote_{with.remote},
      out_{with.out},
      rooms_{with.memory, out_},
      kept_{rooms_, with.pins},
      pins_{kept_, remote_},
      places_{pins_, kept_, with.disk},
      copies_{places_},
      evictor_{copies_,  places_,      pins_, with.pins, with.memory.capacity_bytes(),
               with.out, named.evictor},
      line_{rooms_, kept_, evictor_, out_, named.line},
      searches_{out_},
      returns_{self_, pins_, places_, line_, searches_, with.pins, out_},
      lends_{pins_, remote_, out_, named.fetch.whole_bytes, named.fetch.part_bytes},
      disk_lends_{places_, out_, named.fetch.whole_bytes, named.fetch.part_bytes},
      fetches_{self_,  nodes,     pins_,     remote_, line_, copies_,
               lends_, searches_, with.pins, ended_,  out_,  named.fetch} {
  searches_.try_there = [this](const fetch_asker& who, const wire::store_fetch& request) {
    if (!defer(who.process, wire::bytes_of(request), request.object, request.from, who.tries))
      fetch(who, request);
  };
  // Others are asked from now on, where there are any.
  returns_.on_unreadable = [this](const copy& one) { copies_.forget_replica(one); };
  copies_.on_gone = [this](copy& gone) { on_gone(gone); };
  line_.may_come = [this] { return memory_may_come(); };
  line_.on_long_wait = [this](const std::string& text) {
    if (on_long_wait) on_long_wait(text);
  };
  line_.holders = [this, pins = with.pins] {
    const std::string& why = places_.has_disk() ? places_.refusal() : no_disk;
    return who_holds(rooms_, places_, pins_, pins, why);
  };
}

bool directory::on_message(process_id from, wire::blob message) {
  // Rooms and fetches are for processes of this node alone: only their ends are waited for here.
  const bool local = from.node() == self_.node();
  switch (wire::type_of(message)) {
    case message_type::store_allocate:
      if (const auto m = wire::decode<wire::store_allocate>(message); m && local)
        on_allocate(from, *m);
      return true;
    case message_type::store_return:
      if (const auto m = wire::decode<wire::store_return>(message))
        rooms_.take_back(from, m->where);
      return true;
    case message_type::store_made:
      if (const auto m = wire::decode<wire::store_made>(message)) on_made(from, *m);
      return true;
    case message_type::store_sealed:
      if (const auto m = wire::decode<wire::store_sealed>(message))
        copies_.seal(from, m->object, m->where);
      return true;
    case message_type::store_reply:
      if (const auto m = wire::decode<wire::store_reply>(message)) on_reply(from, *m);
      return true;
    case message_type::store_free:
      on_free(from, message);
      return true;
    case message_type::store_keep:
      if (const auto m = wire::decode<wire::store_keep>(message)) on_keep(from, *m);
      return true;
    case message_type::store_fetch:
      if (local) on_fetch(from, message);
      return true;
    case message_type::object_ready:
      if (const auto m = wire::decode<wire::object_ready>(message)) searches_.on_ready(from, *m);
      return true;
    case message_type::store_pin:
      if (from.is_scheduler() && !local) on_pin(from, message);
      return true;
    case message_type::store_pinned:
    case message_type::store_unpin:
    case message_type::key_revoke:
    case message_type::store_read:
    case message_type::store_part:
      if (from.is_scheduler() && !local) on_nodes_message(from.node(), message);
      return true;
    default:
      return false;
  }
}

void directory::on_nodes_message(wire::node_id from, wire::blob message) {
  if (const auto pinned = wire::decode<wire::store_pinned>(message)) {
    fetches_.on_pinned(from, *pinned);
  } else if (const auto unpin = wire::decode<wire::store_unpin>(message)) {
    for (const std::uint64_t token : unpin->tokens) disk_lends_.unpin(from, token);
    lends_.on_unpin(from, *unpin);
  } else if (const auto revoked = wire::decode<wire::key_revoke>(message)) {
    for (const std::uint64_t key : revoked->keys)
      if (remote_) remote_->forget_key(from, key);
  } else if (const auto read = wire::decode<wire::store_read>(message)) {
    if (!disk_lends_.on_read(from, *read)) lends_.on_read(from, *read);
  } else if (const auto part = wire::decode<wire::store_part>(message)) {
    fetches_.on_part(from, *part);
  }
}

void directory::on_allocate(process_id from, const wire::store_allocate& request) {
  // Not each time: those who read here would all have to ask again.
  constexpr std::uint64_t let_go_after_ns = 100'000'000;
  if (!kept_.empty() && now_ns_ >= let_go_at_ns_) {
    let_go_at_ns_ = now_ns_ + let_go_after_ns;
    kept_.let_go();
  }
  room_line::want want;
  want.whose = from;
  want.size_bytes = request.size_bytes;
  want.until_ns = request.deadline_ns;
  want.take = [this, from, request] { return rooms_.give(from, request); };
  want.taken = [this, from, token = request.token](const block_store::allocation& made) {
    wire::store_grant answer;
    answer.token = token;
    std::vector<std::byte> error;
    if (made.error) {
      error = encoded(*made.error);
      answer.error = error;
    } else {
      answer.where = made.where;
    }
    wire::send(out_, from, answer);
  };
  line_.ask(std::move(want));
}

void directory::on_made(process_id from, const wire::store_made& told) {
  if (copies_.find(told.object, told.where) || !rooms_.made(from, told.where)) return;
  copy& made = copies_.add(told.object, told.where, from);
  // Its owner's end has been acted on here: nobody would ever free it.
  if (ended_.has(told.object.owner())) copies_.free(made);
}

// True: it waits until the holder of the room has said all that it had to say of that place.
bool directory::defer(process_id from, wire::blob message, wire::object_id object,
                      const location& where, std::uint32_t tries) {
  if (settled_ || where.node != self_.node() || copies_.find(object, where)) return false;
  const room_table::room* around = rooms_.find(where);
  if (!around || !around->holder || (!around->slab && around->objects != 0)) return false;
  // From the holder itself it can't have overtaken anything.
  if (around->holder == from) return false;
  deferred_[++last_token_] = {around->holder, from, {message.begin(), message.end()}, tries};
  wire::send(out_, around->holder, wire::store_query{last_token_, false});
  return true;
}

void directory::on_reply(process_id from, const wire::store_reply& answer) {
  if (answer.token == room_line::token) return line_.on_reply(from);
  handle_deferred(from, answer.token);
}

void directory::handle_deferred(process_id holder, std::uint64_t token) {
  const auto found = deferred_.find(token);
  if (found == deferred_.end() || found->second.holder != holder) return;
  const deferred one = std::move(found->second);
  deferred_.erase(found);
  settled_ = true;
  tries_ = one.tries;
  on_message(one.from, one.message);
  tries_ = 0;
  settled_ = false;
}

void directory::on_free(process_id from, wire::blob message) {
  const auto told = wire::decode<wire::store_free>(message);
  if (!told || defer(from, message, told->object, told->where)) return;
  copy* const gone = copies_.find(told->object, told->where);
  if (gone && (from == told->object.owner() || from == gone->maker)) free(*gone);
}

void directory::free(copy& gone) {
  if (!gone.offered) return copies_.free(gone);
  const auto unanswered = returns_.take_questions(gone);
  // Who asked for it since it was offered to its owner may be reading it.
  if (gone.wanted) {
    kept_.at_owners_end([&] { copies_.free(gone); });
  } else {
    copies_.free(gone);
  }
  for (const auto& [who, request] : unanswered) fetch(who, request);
}

void directory::on_keep(process_id from, const wire::store_keep& told) {
  if (from != told.object.owner()) return;
  if (copy* const one = copies_.find(told.object, told.where)) evictor_.keep(*one);
  line_.reconsider();
}

void directory::on_gone(copy& gone) {
  evictor_.forget(gone);
  const process_id owner = gone.object.owner();
  returns_.gone(gone, ended_.has(owner)
                          ? owner_died(owner)
                          : object_lost(self_, owner, self_.node(), "has it no more"));
  pins_.forget_readers(gone.name);  // from disk
}

void directory::on_disk(std::uint64_t token, const std::string& failure) {
  const spilling::end what = places_.on_disk(token, failure);
  switch (what.what) {
    case spilling::ended::stayed:
      if (!failure.empty()) evictor_.write_failed(now_ns_);
      line_.reconsider();
      break;
    case spilling::ended::came_back:
      returns_.came_back(*what.whose, failure);
      break;
    case spilling::ended::part:
      disk_lends_.on_disk(token, failure.empty());
      break;
    case spilling::ended::nothing:
    case spilling::ended::left:
      break;
  }
}

void directory::tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  places_.tick(now_ns);
  line_.tick(now_ns);
}

void directory::flush() {
  line_.settle();
  fetches_.flush();
}

// Or else nobody's patience helps: objects that are held, and can't leave, stay.
bool directory::memory_may_come() {
  const bool to_disk = places_.has_disk() && places_.refusal().empty();
  const bool on_loan = kept_.bytes_kept() + pins_.bytes_kept() + places_.bytes_ending() != 0;
  const bool replicas = places_.order(true).front() || fetches_.bytes() != 0;
  return on_loan || replicas || (to_disk && places_.bytes_in_memory() + rooms_.unused_bytes() != 0);
}

void directory::on_fetch(process_id from, wire::blob message) {
  const auto decoded = wire::decode<wire::store_fetch>(message);
  if (!decoded || defer(from, message, decoded->object, decoded->from)) return;
  fetch({from, decoded->token, tries_}, *decoded);
}

void directory::fetch(const fetch_asker& who, const wire::store_fetch& request) {
  const process_id owner = request.object.owner();
  const wire::node_id holder = request.from.node;
  if (ended_.has(owner)) return refuse_fetch(out_, who, owner_died(owner));
  if (holder == self_.node()) {
    if (copy* const here = copies_.find(request.object, request.from))
      return returns_.ask(who, *here, request);
    return searches_.ask(who, request, object_lost(self_, owner, holder, "has it no more"));
  }
  if (copy* const here = copies_.replica_of(request.object))
    return returns_.ask(who, *here, request);
  if (holder >= nodes_ || ended_.has(process_id::scheduler_of(holder))) {
    const char* const why = holder >= nodes_ ? "is not one of this job" : "has ended";
    return searches_.ask(who, request, object_lost(self_, owner, holder, why));
  }
  fetches_.ask(who, request);
}

// Never follows a location that is not, field by field, that of a copy of this very object. Who was
// referred here knows none.
void directory::on_pin(process_id from, wire::blob message) {
  const auto decoded = wire::decode<wire::store_pin>(message);
  if (!decoded) return;
  const wire::store_pin& request = *decoded;
  const wire::node_id reader = from.node();
  const bool referred = request.way == wire::pin_way::referred;
  if (!referred && defer(from, message, request.object, request.where)) return;
  copy* const replica = referred ? copies_.replica_of(request.object) : nullptr;
  copy* const held = replica ? replica : copies_.find(request.object, request.where);
  if (held && held->name.size_bytes == request.where.size_bytes) {
    lend(reader, request, *held);
  } else if (!referred || !fetches_.wait_for(reader, request)) {
    lends_.refuse(reader, request.token);
  }
}

void directory::lend(wire::node_id reader, const wire::store_pin& request, copy& held) {
  const bool in_memory = held.is_in_memory();
  // What is on disk has no place, and spreads its readers by its name.
  if (!lends_.takes(reader, request, in_memory ? held.place : held.name, 0)) return;
  if (!in_memory) return disk_lends_.grant(reader, request.token, held);
  held.wanted = true;
  places_.used(held);
  lends_.grant(reader, request.token, held.place);
}

void directory::on_process_ended(process_id ended) {
  if (!ended_.add(ended)) return;
  searches_.on_process_ended(ended);
  // Nobody waits for what it asked; what it owned goes anyway.
  std::erase_if(deferred_,
                [ended](const auto& entry) { return wire::ends_with(entry.second.from, ended); });
  if (ended.is_scheduler()) {
    fetches_.on_node_ended(ended.node());
    lends_.on_node_ended(ended.node());
    disk_lends_.on_node_ended(ended.node());
    kept_.at_owners_end([&] { copies_.on_node_ended(ended.node()); });
    return;
  }
  // All that it had to say of its rooms is here.
  std::vector<std::uint64_t> answered;
  for (const auto& [token, one] : deferred_)
    if (one.holder == ended) answered.push_back(token);
  for (const std::uint64_t token : answered) handle_deferred(ended, token);
  fetches_.on_process_ended(ended);
  // Its rooms first: what is freed then must not be reported to it.
  rooms_.on_process_ended(ended);
  kept_.at_owners_end([&] {
    for (const copy_table::orphan& one : copies_.on_process_ended(ended))
      wire::send(out_, one.object.owner(), wire::store_orphan{one.object, one.where, ended});
  });
  returns_.on_process_ended(ended);
  line_.on_process_ended(ended);
}

}  // namespace mobula::core
