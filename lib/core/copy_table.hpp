#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/block_store.hpp"
#include "core/process_counts.hpp"
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
class copy_table {
 public:
  struct copy {
    wire::object_id object;
    wire::process_id maker;  // unsealed: who tells its owner
    bool replica = false;    // brought here from another node
  };

  explicit copy_table(block_store& memory) : memory_{memory} {}

  void add(wire::object_id object, const wire::location& where, wire::process_id maker);
  void add_replica(wire::object_id object, const wire::location& where);
  /// The copy, if exactly that one is here; a location that differs in anything is none.
  copy* find(wire::object_id object, const wire::location& where);
  /// Where the object's replica on this node is; null if there is none.
  const wire::location* replica_of(wire::object_id object) const;

  /// False: not here (any more), or not the maker's to seal.
  bool seal(wire::process_id maker, wire::object_id object, const wire::location& where);
  bool free(wire::object_id object, const wire::location& where);

  struct orphan {
    wire::object_id object;
    wire::location where;
  };
  /// Frees what its end leaves without anybody. Returns what it made for others and had not sealed:
  /// their owners are to be asked, and answer for them from now on.
  std::vector<orphan> on_process_ended(wire::process_id ended);
  /// All processes of that node have ended.
  void on_node_ended(wire::node_id node);

  std::size_t size() const { return copies_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  using table = std::unordered_map<wire::location, copy>;

  table::iterator drop(table::iterator one);
  template <class Gone>
  void end_owners(Gone owner_is_gone);

  block_store& memory_;
  table copies_;
  std::unordered_map<wire::object_id, wire::location> replicas_;
  /// Copies that a process owns or makes: most that end have none, and cost no search.
  process_counts involved_;
  std::uint64_t bytes_ = 0;
};

}  // namespace mobula::core
