#pragma once

#include <cstdint>
#include <memory>

#include "core/attempt.hpp"
#include "core/hosted_actor.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// Where the cpus of a lease are while everything of it waits.
enum class cpus_state : std::uint8_t {
  held,
  waiting_fresh,  // blocked since the last tick: the next one sets the deadline
  waiting,        // blocked; lent at the deadline
  lent,
  claimed,  // asked for; nothing runs until cpus_grant
};

/// What this worker has of one lease.
struct lease_slot {
  wire::lease_id id;
  attempt_list fetching;  // pushed; arguments are on their way to this node
  attempt_list
      queued;  // pushed; may begin. If something is suspended: only what the last waits for
  attempt_list suspended;  // in the order in which they blocked
  attempt_list resumable;
  attempt* running = nullptr;
  attempt* returning = nullptr;  // whose arguments are brought back: what comes next in the lease
  wire::task_id expected;        // being pushed here by run_here_source
  std::uint32_t guests = 0;      // attempts that it pushed: not of the lease's owner
  cpus_state cpus = cpus_state::held;
  bool lends = true;     // false: an actor's that holds no cpus
  bool revoked = false;  // or given up: nothing of it begins any more
  bool looked = false;   // since it blocked: for something of it that could run here
  std::uint64_t lend_at_ns = 0;
  std::uint64_t give_back_at_ns = 0;  // what waits for the thread meanwhile; 0: nothing does
  std::unique_ptr<hosted_actor> actor;

  std::size_t begun() const { return suspended.size() + resumable.size() + (running ? 1 : 0); }
  bool empty() const {
    return begun() == 0 && queued.empty() && fetching.empty() && !expected && !actor;
  }
  /// Guests are all that is left of what has begun or is about to.
  bool has_only_guests() const {
    if (guests == 0 && !expected) return false;
    for (const attempt_list* list : {&suspended, &resumable}) {
      for (const attempt* at = list->front(); at; at = at->next) {
        if (!at->run_here) return false;
      }
    }
    return true;
  }
  /// Something of it could begin or go on, were the slot its own.
  bool runnable() const {
    if (returning) return !resumable.empty() || expected;
    if (!resumable.empty() || !queued.empty() || expected) return true;
    return actor && actor->state == actor_state::alive && actor->has_ready() &&
           begun() < actor->max_concurrency();
  }
  bool has_cpus() const { return cpus != cpus_state::lent && cpus != cpus_state::claimed; }
};

}  // namespace mobula::core
