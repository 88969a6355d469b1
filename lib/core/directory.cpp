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
                     wire::outbox& out, limits named)
    : self_{process_id::scheduler_of(node)},
      nodes_{nodes},
      memory_{memory},
      out_{out},
      part_bytes_{named.fetch.part_bytes},
      copies_{memory},
      fetches_{self_, memory, copies_, out, named.fetch} {}

bool directory::on_message(process_id from, wire::blob message) {
  // Rooms and fetches are for processes of this node alone: only their ends are waited for here.
  const bool local = from.node() == self_.node();
  switch (wire::type_of(message)) {
    case message_type::store_allocate:
      if (const auto m = wire::decode<wire::store_allocate>(message); m && local)
        on_allocate(from, *m);
      return true;
    case message_type::store_sealed:
      if (const auto m = wire::decode<wire::store_sealed>(message))
        copies_.seal(from, m->object, m->where);
      return true;
    case message_type::store_free:
      if (const auto m = wire::decode<wire::store_free>(message)) copies_.free(m->object, m->where);
      return true;
    case message_type::store_fetch:
      if (const auto m = wire::decode<wire::store_fetch>(message); m && local) on_fetch(from, *m);
      return true;
    case message_type::store_read:
      if (const auto m = wire::decode<wire::store_read>(message)) on_read(from, *m);
      return true;
    case message_type::store_part:
      if (const auto m = wire::decode<wire::store_part>(message)) fetches_.on_part(from, *m);
      return true;
    default:
      return false;
  }
}

void directory::on_allocate(process_id from, const wire::store_allocate& request) {
  block_store::allocation made;
  if (ended_.has(request.object.owner())) {
    // Its end has been acted on here: nobody would ever free what was made for it now.
    made.error = owner_ended(request.object.owner());
  } else {
    made = memory_.allocate(request.size_bytes);
  }
  wire::store_grant answer;
  answer.token = request.token;
  std::vector<std::byte> error;
  if (made.error) {
    error = encoded(*made.error);
    answer.error = error;
  } else {
    answer.where = made.where;
    copies_.add(request.object, made.where, from);
  }
  wire::send(out_, from, answer);
}

void directory::on_fetch(process_id from, const wire::store_fetch& request) {
  const fetch_table::asker who{from, request.token};
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
  fetches_.ask(who, request.object, request.from);
}

// Never follows a location that is not, field by field, that of a copy of this very object.
void directory::on_read(process_id from, const wire::store_read& request) {
  wire::store_part part;
  part.token = request.token;
  part.offset = request.offset;
  part.gone = true;
  const copy_table::copy* held = copies_.find(request.object, request.where);
  const bool inside = request.size_bytes <= part_bytes_ &&
                      request.offset <= request.where.size_bytes &&
                      request.size_bytes <= request.where.size_bytes - request.offset;
  if (held && !held->abandoned && inside) {
    if (const auto bytes = memory_.bytes(request.where)) {
      part.gone = false;
      part.bytes = bytes->subspan(request.offset, request.size_bytes);
    }
  }
  wire::send(out_, from, part);
}

void directory::on_process_ended(process_id ended) {
  if (!ended_.add(ended)) return;
  if (ended.is_scheduler()) {
    fetches_.on_node_ended(ended.node());
    copies_.on_node_ended(ended.node());
    return;
  }
  fetches_.on_process_ended(ended);
  for (const copy_table::orphan& one : copies_.on_process_ended(ended))
    wire::send(out_, one.object.owner(), wire::store_orphan{one.object, one.where});
}

}  // namespace mobula::core
