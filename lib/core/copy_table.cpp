#include "core/copy_table.hpp"

#include <iterator>

#include "core/invariant.hpp"

namespace mobula::core {

using wire::location;
using wire::object_id;
using wire::process_id;

copy& copy_table::insert(object_id object, const location& where, bool replica) {
  const auto [at, fresh] = copies_.try_emplace({object, where});
  invariant(fresh, "an object has one copy of a name", where.extent, where.offset);
  copy& made = at->second;
  made.object = object;
  made.name = made.place = where;
  made.replica = replica;
  involved_.add(object.owner());
  memory_.add(made);
  return made;
}

copy& copy_table::add(object_id object, const location& where, process_id maker) {
  copy& made = insert(object, where, false);
  if (maker != object.owner()) {
    made.maker = maker;
    involved_.add(maker);
  }
  return made;
}

copy& copy_table::add_replica(object_id object, const location& where) {
  copy& made = insert(object, where, true);
  const bool only = replicas_.emplace(object, &made).second;
  invariant(only, "an object has one replica on a node", object.high(), object.low());
  return made;
}

copy* copy_table::find(object_id object, const location& name) {
  const auto at = copies_.find({object, name});
  return at != copies_.end() ? &at->second : nullptr;
}

copy* copy_table::replica_of(object_id object) {
  const auto at = replicas_.find(object);
  return at == replicas_.end() ? nullptr : at->second;
}

void copy_table::forget_replica(const copy& unreadable) {
  const auto replica = replicas_.find(unreadable.object);
  if (replica != replicas_.end() && replica->second == &unreadable) replicas_.erase(replica);
}

void copy_table::promote(copy& replica) { memory_.promote(replica); }

bool copy_table::seal(process_id maker, object_id object, const location& name) {
  copy* const one = find(object, name);
  if (!one || one->maker != maker || !maker) return false;
  involved_.remove(maker);
  one->maker = {};
  return true;
}

void copy_table::free(copy& gone) { drop(copies_.find({gone.object, gone.name})); }

std::vector<copy_table::orphan> copy_table::on_process_ended(process_id ended) {
  std::vector<orphan> orphans;
  if (!involved_.is_involved(ended)) return orphans;
  end_owners([ended](process_id owner) { return owner == ended; });
  for (auto& [called, one] : copies_) {
    if (one.maker != ended) continue;
    orphans.push_back({one.object, one.name});
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
  copy& gone = one->second;
  if (on_gone) on_gone(gone);
  memory_.release(gone);
  forget_replica(gone);
  if (gone.maker) involved_.remove(gone.maker);
  involved_.remove(gone.object.owner());
  return copies_.erase(one);
}

}  // namespace mobula::core
