#pragma once

#include <concepts>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "core/process_set.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// Starts and ends worker processes for the scheduler.
class worker_starter {
 public:
  /// Answered later, never within the call, by scheduler::worker_joined or worker_ended.
  /// @param set  what it has, for its life
  virtual void start_worker(wire::process_id process, const process_set& set) = 0;
  /// Ends it at once, whatever it does. Answered later by scheduler::worker_ended.
  virtual void end_worker(wire::process_id process) = 0;

 protected:
  ~worker_starter() = default;
};

/// A worker process as its scheduler sees it: starting -> idle <-> leased -> retiring.
struct worker {
  enum class state : std::uint8_t { starting, idle, leased, retiring };
  wire::process_id id;
  state now = state::starting;
  bool used = false;   // it has run something: no actor's any more
  bool actor = false;  // an actor's: not counted, not shared, not used again
  bool alone = false;  // its lease shares it with nobody
  process_set set;     // it takes leases of just that
  std::vector<std::uint64_t> leases;
  /// What it has run was all of this group: what it owns, nobody misses who is not of the group.
  wire::group_id group;
  const char* ended_for = nullptr;  // why its scheduler ends it, for those who had leases of it
  std::uint32_t blocked = 0;        // leases whose cpus are lent while it can run others

  /// Everything in it waits: one more lease on top holds up nobody who could go on.
  bool all_blocked() const {
    return now == state::leased && !actor && !alone && set.is_plain() && blocked == leases.size();
  }
  /// Has fewer leases; the lower id among equals, so that the order in memory decides nothing.
  bool is_before(const worker& other) const {
    return leases.size() != other.leases.size() ? leases.size() < other.leases.size()
                                                : id < other.id;
  }
};

/// The worker processes of a node. Those that can take leases of tasks are counted against limits;
/// actors' are not. Those that retire, whatever they ran, have a limit of their own.
class worker_pool {
 public:
  /// @param first  the lowest incarnation that no other process of the node has
  worker_pool(wire::node_id node, std::uint32_t first, worker_starter& starter)
      : node_{node}, starter_{starter}, next_incarnation_{first} {}

  worker& start(process_set set);
  worker* find(wire::process_id process);
  const std::unordered_map<wire::process_id, worker>& all() const { return workers_; }

  void joined(worker& one);
  /// Its last lease has gone.
  void rests(worker& one);
  /// The most recently used idle one that suits; for an actor one that was never used. Null: none.
  template <std::predicate<const worker&> Suits>
  worker* find_idle(bool for_actor, const Suits& suits) const {
    for (auto at = idle_.rbegin(); at != idle_.rend(); ++at) {
      if (!(for_actor && (*at)->used) && suits(**at)) return *at;
    }
    return nullptr;
  }
  /// It is idle no longer.
  void take_idle(worker& one);
  /// The least recently used idle one that sees any of these, no longer idle; null: none.
  worker* take_idle_with_any(const device_set& devices);
  /// The least recently used idle one, no longer idle; null: none.
  worker* take_oldest_idle();
  /// The process all of whose leases wait with the fewest of them, of those that suit; null: none.
  template <std::predicate<const worker&> Suits>
  worker* all_blocked(const Suits& suits) {
    worker* best = nullptr;
    for (auto& [id, one] : workers_) {
      if (one.all_blocked() && suits(one) && (!best || one.is_before(*best))) best = &one;
    }
    return best;
  }
  void retire(worker& one);
  void end(worker& one) { starter_.end_worker(one.id); }
  void forget(wire::process_id process);
  void becomes_actors(worker& one);

  /// Those that have not joined yet, in the order of their starts.
  const std::vector<worker*>& starting() const { return starting_; }
  std::size_t idle() const { return idle_.size(); }
  /// Processes that count: all but actors' and those that retire.
  std::size_t counted() const { return workers_.size() - not_counted_; }
  /// Of these, those that see no GPU.
  std::size_t counted_plain() const;
  std::size_t retiring() const { return retiring_; }
  std::size_t size() const { return workers_.size(); }

 private:
  wire::node_id node_;
  worker_starter& starter_;
  std::uint32_t next_incarnation_;
  std::unordered_map<wire::process_id, worker> workers_;
  std::list<worker*> idle_;  // most recently used last
  std::vector<worker*> starting_;
  std::size_t not_counted_ = 0;
  std::size_t retiring_ = 0;
};

}  // namespace mobula::core
