#include "core/directory.hpp"

#include <string>

#include "core/errors.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::location;
using wire::message_type;
using wire::process_id;

namespace {

wire::error_value owner_ended(process_id owner) {
  return make_error(wire::error_code::owner_died, owner,
                    name_of(owner) + ", which owned the object, has ended");
}

wire::error_value lost(process_id where, process_id owner, wire::node_id node, const char* why) {
  return make_error(wire::error_code::object_lost, where,
                    "an object of " + name_of(owner) + " is lost: node " + std::to_string(node) +
                        ", which held it, " + why);
}

}  // namespace

directory::directory(wire::node_id node, std::uint32_t nodes, block_store& memory,
                     remote_memory* remote, local_pins* pins, wire::outbox& out, limits named)
    : self_{process_id::scheduler_of(node)},
      nodes_{nodes},
      remote_{remote},
      out_{out},
      rooms_{memory, out},
      kept_{rooms_, pins},
      pins_{kept_, remote},
      room_requests_{rooms_, out},
      copies_{pins_},
      lends_{pins_, remote, out, named.fetch.whole_bytes, named.fetch.part_bytes},
      fetches_{self_, nodes, pins_, remote, copies_, lends_, ended_, out, named.fetch} {}

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
    case message_type::store_fetch:
      if (local) on_fetch(from, message);
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
    lends_.on_unpin(from, *unpin);
  } else if (const auto revoked = wire::decode<wire::key_revoke>(message)) {
    for (const std::uint64_t key : revoked->keys)
      if (remote_) remote_->forget_key(from, key);
  } else if (const auto read = wire::decode<wire::store_read>(message)) {
    lends_.on_read(from, *read);
  } else if (const auto part = wire::decode<wire::store_part>(message)) {
    fetches_.on_part(from, *part);
  }
}

void directory::on_allocate(process_id from, const wire::store_allocate& request) {
  kept_.let_go();
  room_requests_.ask(from, request);
}

void directory::on_made(process_id from, const wire::store_made& told) {
  if (copies_.find(told.object, told.where) || !rooms_.made(from, told.where)) return;
  copies_.add(told.object, told.where, from);
  // Its owner's end has been acted on here: nobody would ever free it.
  if (ended_.has(told.object.owner())) copies_.free(told.object, told.where);
}

// True: it waits until the holder of the room has said all that it had to say of that place.
bool directory::defer(process_id from, wire::blob message, wire::object_id object,
                      const location& where) {
  if (settled_ || where.node != self_.node() || copies_.find(object, where)) return false;
  const room_table::room* around = rooms_.find(where);
  if (!around || !around->holder || (!around->slab && around->objects != 0)) return false;
  // From the holder itself it can't have overtaken anything.
  if (around->holder == from) return false;
  deferred_[++last_token_] = {around->holder, from, {message.begin(), message.end()}};
  wire::send(out_, around->holder, wire::store_query{last_token_, false});
  return true;
}

void directory::on_reply(process_id from, const wire::store_reply& answer) {
  if (answer.token == room_requests::token) return room_requests_.on_reply(from);
  handle_deferred(from, answer.token);
}

void directory::handle_deferred(process_id holder, std::uint64_t token) {
  const auto found = deferred_.find(token);
  if (found == deferred_.end() || found->second.holder != holder) return;
  const deferred one = std::move(found->second);
  deferred_.erase(found);
  settled_ = true;
  on_message(one.from, one.message);
  settled_ = false;
}

void directory::on_free(process_id from, wire::blob message) {
  const auto told = wire::decode<wire::store_free>(message);
  if (!told || defer(from, message, told->object, told->where)) return;
  copies_.free(told->object, told->where);
}

void directory::on_fetch(process_id from, wire::blob message) {
  const auto decoded = wire::decode<wire::store_fetch>(message);
  if (!decoded || defer(from, message, decoded->object, decoded->from)) return;
  const wire::store_fetch& request = *decoded;
  const fetch_asker who{from, request.token};
  const process_id owner = request.object.owner();
  const wire::node_id holder = request.from.node;
  if (ended_.has(owner)) return refuse_fetch(out_, who, owner_ended(owner));
  if (holder == self_.node()) {
    if (!copies_.find(request.object, request.from))
      return refuse_fetch(out_, who, lost(self_, owner, holder, "has it no more"));
    return wire::send(out_, from, wire::store_fetched{request.token, request.from, {}});
  }
  if (const location* here = copies_.replica_of(request.object))
    return wire::send(out_, from, wire::store_fetched{request.token, *here, {}});
  if (holder >= nodes_ || ended_.has(process_id::scheduler_of(holder))) {
    return refuse_fetch(
        out_, who,
        lost(self_, owner, holder, holder >= nodes_ ? "is not one of this job" : "has ended"));
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
  const location* const replica = copies_.replica_of(request.object);
  const location where = referred && replica ? *replica : request.where;
  const copy_table::copy* const held = copies_.find(request.object, where);
  if (held && where.size_bytes == request.where.size_bytes) {
    if (lends_.takes(reader, request, where, 0)) lends_.grant(reader, request.token, where);
  } else if (!referred || !fetches_.wait_for(reader, request)) {
    lends_.refuse(reader, request.token);
  }
}

void directory::on_process_ended(process_id ended) {
  if (!ended_.add(ended)) return;
  // Nobody waits for what it asked; what it owned goes anyway.
  std::erase_if(deferred_,
                [ended](const auto& entry) { return wire::ends_with(entry.second.from, ended); });
  if (ended.is_scheduler()) {
    fetches_.on_node_ended(ended.node());
    lends_.on_node_ended(ended.node());
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
      wire::send(out_, one.object.owner(), wire::store_orphan{one.object, one.where});
  });
  room_requests_.on_process_ended(ended);
}

}  // namespace mobula::core
