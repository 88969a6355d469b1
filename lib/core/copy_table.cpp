#include "core/copy_table.hpp"

#include <iterator>

#include "core/invariant.hpp"

namespace mobula::core {

using wire::location;
using wire::object_id;
using wire::process_id;

void copy_table::add(object_id object, const location& where, process_id maker) {
  copy made;
  made.object = object;
  if (maker != object.owner()) made.maker = maker;
  const bool fresh = copies_.emplace(where, made).second;
  invariant(fresh, "a new block is not in use", where.extent, where.offset);
  involved_.add(object.owner());
  if (made.maker) involved_.add(made.maker);
  bytes_ += where.size_bytes;
}

void copy_table::add_replica(object_id object, const location& where) {
  add(object, where, object.owner());
  copies_.find(where)->second.replica = true;
  const bool only = replicas_.emplace(object, where).second;
  invariant(only, "an object has one replica on a node", object.high(), object.low());
}

copy_table::copy* copy_table::find(object_id object, const location& where) {
  const auto at = copies_.find(where);
  return at != copies_.end() && at->second.object == object ? &at->second : nullptr;
}

const location* copy_table::replica_of(object_id object) const {
  const auto at = replicas_.find(object);
  return at == replicas_.end() ? nullptr : &at->second;
}

bool copy_table::seal(process_id maker, object_id object, const location& where) {
  const auto at = copies_.find(where);
  if (at == copies_.end() || at->second.object != object || at->second.maker != maker) return false;
  involved_.remove(maker);
  at->second.maker = {};
  return true;
}

bool copy_table::free(object_id object, const location& where) {
  const auto at = copies_.find(where);
  if (at == copies_.end() || at->second.object != object) return false;
  drop(at);
  return true;
}

std::vector<copy_table::orphan> copy_table::on_process_ended(process_id ended) {
  std::vector<orphan> orphans;
  if (!involved_.is_involved(ended)) return orphans;
  end_owners([ended](process_id owner) { return owner == ended; });
  for (auto& [where, one] : copies_) {
    if (one.maker != ended) continue;
    orphans.push_back({one.object, where});
    involved_.remove(ended);
    one.maker = {};
  }
  return orphans;
}

void copy_table::on_node_ended(wire::node_id node) {
  end_owners([node](process_id owner) { return owner.node() == node; });
}

template <class Gone>
void copy_table::end_owners(Gone owner_is_gone) {
  for (auto at = copies_.begin(); at != copies_.end();)
    at = owner_is_gone(at->second.object.owner()) ? drop(at) : std::next(at);
}

copy_table::table::iterator copy_table::drop(table::iterator one) {
  const auto& [where, gone] = *one;
  memory_.release(where);
  bytes_ -= where.size_bytes;
  if (gone.replica) replicas_.erase(gone.object);
  if (gone.maker) involved_.remove(gone.maker);
  involved_.remove(gone.object.owner());
  return copies_.erase(one);
}

}  // namespace mobula::core
