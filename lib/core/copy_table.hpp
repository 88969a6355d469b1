#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "core/copy.hpp"
#include "core/process_counts.hpp"
#include "core/spilling.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// The copies of objects that a node's store holds, and who answers for each.
///
///     unsealed --sealed by its maker--> sealed --freed, or its owner ends--> gone
///              --its maker ends: the owner is asked--> sealed
///              --freed, or its owner ends--> gone
///
/// Unsealed: its maker may be the only one who knows of it. Sealed: the owner knows of it (or has
/// been asked) and frees it, or ends. So every copy has somebody who ends it: first its maker, then
/// its owner; both are processes, and the end of either is told. Nobody writes into a copy: what is
/// being written is a room's.
/// Replicas and what an owner made itself begin sealed.
///
/// Copies stay where they are, as records, from `add` to their end.
class copy_table {
 public:
  explicit copy_table(spilling& memory) : memory_{memory} {}

  copy& add(wire::object_id object, const wire::location& where, wire::process_id maker);
  copy& add_replica(wire::object_id object, const wire::location& where);
  /// The copy, if exactly that one is here; a name that differs in anything is none.
  copy* find(wire::object_id object, const wire::location& name);
  /// The object's replica on this node; null if there is none.
  copy* replica_of(wire::object_id object);
  /// It can't be read: the object has none on this node any more that anybody is led to.
  void forget_replica(const copy& unreadable);
  /// It is the only copy there is, as far as its owner knows.
  void promote(copy& replica);

  /// False: not here (any more), or not the maker's to seal.
  bool seal(wire::process_id maker, wire::object_id object, const wire::location& name);
  void free(copy& gone);

  struct orphan {
    wire::object_id object;
    wire::location where;
  };
  /// Frees what its end leaves without anybody. Returns what it made for others and had not sealed:
  /// their owners are to be asked, and answer for them from now on.
  std::vector<orphan> on_process_ended(wire::process_id ended);
  /// All processes of that node have ended.
  void on_node_ended(wire::node_id node);

  /// Told before a copy is released.
  std::function<void(copy&)> on_gone;

  std::size_t size() const { return copies_.size(); }

 private:
  // A block that a copy has left is used for others, which may be called the same.
  struct key {
    wire::object_id object;
    wire::location name;
    bool operator==(const key&) const = default;
  };
  struct key_hash {
    std::size_t operator()(const key& of) const noexcept {
      return std::hash<wire::object_id>{}(of.object) ^ std::hash<wire::location>{}(of.name);
    }
  };
  using table = std::unordered_map<key, copy, key_hash>;

  copy& insert(wire::object_id object, const wire::location& where, bool replica);
  table::iterator drop(table::iterator one);
  template <class Gone>
  void end_owners(Gone owner_is_gone);

  spilling& memory_;
  table copies_;
  std::unordered_map<wire::object_id, copy*> replicas_;
  /// Copies that a process owns or makes: most that end have none, and cost no search.
  process_counts involved_;
};

}  // namespace mobula::core
