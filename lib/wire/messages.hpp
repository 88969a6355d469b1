#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"
#include "wire/placement.hpp"
#include "wire/resources.hpp"

// Every message that processes of a job send each other. A message is a struct of fields; `fields`
// names them once, in the order in which they travel, and codec.hpp derives size, encoding and
// checked decoding from it. Numbers travel as this machine has them: a job has one architecture.
//
// An enum's `is_known` tells which numbers are its: a decoder refuses others.
//
// Fields of type `blob` and `std::string_view` point into the received bytes: copy what must last.

namespace mobula::wire {

enum class message_type : std::uint16_t {
  // A task, between its owner and a worker.
  task_push = 1,
  task_done = 2,
  task_return = 3,
  task_reclaim = 4,
  actor_call = 5,
  actor_end = 6,
  // Leases, between an owner, a scheduler and a worker.
  lease_request = 16,
  lease_update = 17,
  lease_queued = 18,
  lease_grant = 19,
  lease_refuse = 20,
  lease_return = 21,
  lease_recall = 22,
  lease_lost = 23,
  lease_revoke = 24,
  lease_over = 25,
  cpus_lend = 26,
  cpus_claim = 27,
  cpus_grant = 28,
  worker_retire = 29,
  // Placement groups (group_messages.hpp).
  group_create = 32,
  group_ready = 33,
  group_remove = 34,
  group_removed = 35,
  bundle_wanted = 36,
  bundle_room = 37,
  // References, between an object's owner and those who hold it.
  object_subscribe = 40,
  object_ready = 41,
  borrow_add = 42,
  borrow_ack = 43,
  borrow_release = 44,
  // Values over the inline limit, between processes and the store of their node.
  store_allocate = 56,
  store_grant = 57,
  store_free = 58,
  store_fetch = 59,
  store_fetched = 60,
  store_read = 61,
  store_part = 62,
  replica_add = 63,
  store_sealed = 64,
  store_orphan = 65,
  store_made = 66,
  store_return = 67,
  store_freed = 68,
  store_query = 69,
  store_reply = 70,
  store_offer = 75,
  store_keep = 76,
  // One node's store read by another (reading_messages.hpp), as are store_read and store_part.
  store_pin = 71,
  store_pinned = 72,
  store_unpin = 73,
  key_revoke = 74,
  // The job.
  process_ended = 80,
  shutdown = 81,
  shutdown_done = 82,
  nodes_query = 83,
  nodes_reply = 84,
  free_amounts = 85,
  // Whether nodes are there (membership_messages.hpp).
  heartbeat = 86,
  node_silent = 87,
  // What waits for what (wait_messages.hpp).
  wait_query = 88,
  wait_reply = 89,
  // Reserved for what is not built yet: dependents pushed ahead, maps, gangs, cancels.
  dependent_push = 96,
  map_push = 97,
  gang_request = 98,
  task_cancel = 99,
};

/// What a ready object is, on its way to somebody.
enum class value_kind : std::uint8_t { inlined = 1, stored = 2, failed = 3 };
constexpr bool is_known(value_kind it) {
  return it >= value_kind::inlined && it <= value_kind::failed;
}

/// A value, or where it is, or the error that stands in its place. Not a message; parts of several.
struct value_view {
  value_kind kind = value_kind::inlined;
  /// inlined: the value's encoding. failed: an encoded error_value. stored: empty.
  blob bytes;
  /// stored: where a copy is.
  location where;
  /// Ids of the refs inside the value, 16 bytes each (see codec.hpp, id_list).
  blob contains;

  static void fields(auto& visit, auto& self) {
    visit(self.kind);
    if (self.kind == value_kind::stored) visit(self.where);
    visit(self.contains);
    visit(self.bytes);
  }
};

/// One argument that was given as a ref, resolved: which parameter, and its value.
/// `all_arguments` instead of a parameter: the value is the whole of task_push::arguments.
struct resolved_argument {
  static constexpr std::uint32_t all_arguments = 0xffff'ffff;
  std::uint32_t parameter = 0;
  object_id object;
  value_view value;

  static void fields(auto& visit, auto& self) {
    visit(self.parameter);
    visit(self.object);
    value_view::fields(visit, self.value);
  }
};

/// Owner to worker: run this. Also the common part of an actor's call.
struct task_push {
  static constexpr auto type = message_type::task_push;
  enum flag : std::uint16_t {
    creates_actor = 1,   // the task makes an actor's instance, which the process keeps
    result_is_list = 2,  // called through split(parts{n}): the vector's elements are the results
    holds_no_cpus = 4,   // creates_actor: its lease holds no cpus, so there is nothing to lend
  };

  std::uint16_t flags = 0;
  std::uint32_t result_count = 1;
  std::uint32_t task_count = 1;  // tasks described by this message; more than 1 is reserved
  std::uint32_t attempt = 0;
  task_id task;
  lease_id lease;
  function_id function;
  std::uint64_t shape = 0;  // same number, same demand: such tasks may run in each other's lease
  std::string_view name;    // task_options::name, or empty
  std::uint32_t resolved_count = 0;
  blob arguments;  // encodings of the parameters that were given as values, in order
  blob contains;   // ids of the refs inside `arguments`
  blob resolved;   // resolved_count times resolved_argument
  std::uint32_t max_concurrency = 1;  // with creates_actor: how many of its calls may have begun

  static void fields(auto& visit, auto& self) {
    visit(self.flags);
    if (self.flags & creates_actor) visit(self.max_concurrency);
    visit(self.result_count);
    visit(self.task_count);
    visit(self.attempt);
    visit(self.task);
    visit(self.lease);
    visit(self.function);
    visit(self.resolved_count);
    visit(self.shape);
    visit(self.name);
    visit(self.contains);
    visit(self.arguments);
    visit(self.resolved);
  }
};

/// Caller to an actor's process: a call, in this caller's order.
struct actor_call {
  static constexpr auto type = message_type::actor_call;

  object_id actor;
  std::uint32_t incarnation = 0;  // of the actor: counts its restarts
  caller_id caller;
  std::uint64_t number = 0;  // rises with each call that this process sends to this incarnation
  task_push call;            // its lease names the actor's

  static void fields(auto& visit, auto& self) {
    visit(self.actor);
    visit(self.incarnation);
    visit(self.caller);
    visit(self.number);
    task_push::fields(visit, self.call);
  }
};

enum class task_status : std::uint16_t {
  done = 0,
  failed = 1,        // results is one value_view of kind failed; it stands for all of them
  actor_is_gone = 2  // the actor named by a call does not live here (any more); never ran
};
constexpr bool is_known(task_status it) {
  return it >= task_status::done && it <= task_status::actor_is_gone;
}

/// Worker to owner: a task or call has ended, with its results.
struct task_done {
  static constexpr auto type = message_type::task_done;

  task_status status = task_status::done;
  std::uint32_t result_count = 1;
  std::uint32_t attempt = 0;
  task_id task;
  lease_id lease;
  blob results;  // result_count times value_view; when failed, one
  blob held;  // ids of borrowed refs that came with the arguments and that the process still holds

  static void fields(auto& visit, auto& self) {
    visit(self.status);
    visit(self.result_count);
    visit(self.attempt);
    visit(self.task);
    visit(self.lease);
    visit(self.held);
    visit(self.results);
  }
};

enum class return_reason : std::uint16_t {
  reclaimed = 1,         // the owner asked
  blocked = 2,           // a task before it waits; this one must not wait with it
  argument_missing = 3,  // a stored argument could not be had: `missing` says which and why
  revoked = 4,           // the lease is over
  retiring = 5,          // the process ends
};
constexpr bool is_known(return_reason it) {
  return it >= return_reason::reclaimed && it <= return_reason::retiring;
}

/// Worker to owner: tasks that were pushed and have not begun. The owner alone pushes them again.
struct task_return {
  static constexpr auto type = message_type::task_return;
  struct entry {
    task_id task;
    std::uint32_t attempt = 0;
    static void fields(auto& visit, auto& self) {
      visit(self.task);
      visit(self.attempt);
    }
  };
  /// Of argument_missing: the argument, and the error of its fetch.
  struct missing_argument {
    object_id object;
    blob error;  // encoded error_value
    static void fields(auto& visit, auto& self) {
      visit(self.object);
      visit(self.error);
    }
  };

  return_reason reason = return_reason::reclaimed;
  lease_id lease;
  std::vector<entry> tasks;
  missing_argument missing;

  static void fields(auto& visit, auto& self) {
    visit(self.reason);
    visit(self.lease);
    visit(self.tasks);
    missing_argument::fields(visit, self.missing);
  }
};

/// Owner to worker: give back up to `count` tasks of the lease that have not begun, last ones
/// first. Always answered by one task_return, possibly of no tasks.
struct task_reclaim {
  static constexpr auto type = message_type::task_reclaim;
  lease_id lease;
  std::uint32_t count = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.lease);
    visit(self.count);
  }
};

/// Owner to an actor's process: no handle is left, nothing submitted is unfinished. End the actor.
struct actor_end {
  static constexpr auto type = message_type::actor_end;
  object_id actor;
  static void fields(auto& visit, auto& self) { visit(self.actor); }
};

enum class lease_kind : std::uint8_t {
  task = 1,    // any idle worker process
  actor = 2,   // a process of its own, kept until the lease ends
  bundle = 3,  // none: room for other leases, see group_messages.hpp
};
constexpr bool is_known(lease_kind it) {
  return it >= lease_kind::task && it <= lease_kind::bundle;
}

/// Owner to scheduler, and on between schedulers: lease me `count` workers with these resources.
struct lease_request {
  static constexpr auto type = message_type::lease_request;
  process_id owner;
  std::uint64_t request = 0;  // numbered by the owner
  std::uint32_t count = 1;
  lease_kind kind = lease_kind::task;
  // Schedulers that passed it on, looking for room: at most 3. Beyond, other parts of it wait at so
  // many nodes more.
  std::uint8_t hops = 0;
  bool alone = false;            // nothing else may run in that process beside it
  bool at_once = false;          // a bundle's: refused where there is no room for it now
  node_id preferred = 0xffff;    // where most argument bytes are; 0xffff: nowhere in particular
  resource_amounts demand;       // what must be free for it to begin
  resource_amounts held;         // what it holds then: `demand`, but for actors that hold no cpu
  placement where;               // a bundle's: the group and its number
  std::vector<node_id> visited;  // schedulers that had no room

  static void fields(auto& visit, auto& self) {
    visit(self.owner);
    visit(self.request);
    visit(self.count);
    visit(self.kind);
    visit(self.hops);
    visit(self.alone);
    visit(self.at_once);
    visit(self.preferred);
    visit(self.demand);
    visit(self.held);
    placement::fields(visit, self.where);
    visit(self.visited);
  }
};

/// Owner to the scheduler where a request waits: from now on, `count` workers are wanted (0: none).
/// A grant may be under way meanwhile; the owner returns what it does not need.
struct lease_update {
  static constexpr auto type = message_type::lease_update;
  process_id owner;
  std::uint64_t request = 0;
  std::uint32_t count = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.owner);
    visit(self.request);
    visit(self.count);
  }
};

/// Scheduler to owner: what is left of the request waits here, not where you sent it.
struct lease_queued {
  static constexpr auto type = message_type::lease_queued;
  std::uint64_t request = 0;
  std::uint32_t count = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.request);
    visit(self.count);
  }
};

/// Scheduler to owner: this worker is yours, one of those the request asked for.
struct lease_grant {
  static constexpr auto type = message_type::lease_grant;
  std::uint64_t request = 0;
  lease_id lease;
  process_id worker;
  static void fields(auto& visit, auto& self) {
    visit(self.request);
    visit(self.lease);
    visit(self.worker);
  }
};

/// Scheduler to owner: `count` workers of the request will never be granted.
struct lease_refuse {
  static constexpr auto type = message_type::lease_refuse;
  std::uint64_t request = 0;
  std::uint32_t count = 0;
  blob error;  // encoded error_value
  static void fields(auto& visit, auto& self) {
    visit(self.request);
    visit(self.count);
    visit(self.error);
  }
};

/// Owner to granter: nothing of mine is at the worker any more; the lease ends.
struct lease_return {
  static constexpr auto type = message_type::lease_return;
  lease_id lease;
  static void fields(auto& visit, auto& self) { visit(self.lease); }
};

/// Scheduler to owner: others wait. Push nothing more on this lease, and return it once empty.
struct lease_recall {
  static constexpr auto type = message_type::lease_recall;
  lease_id lease;
  static void fields(auto& visit, auto& self) { visit(self.lease); }
};

enum class begun_state : std::uint8_t { running = 1, suspended = 2 };
constexpr bool is_known(begun_state it) {
  return it >= begun_state::running && it <= begun_state::suspended;
}

/// Scheduler to owner: the leased process died. `begun` are those of its tasks that had begun.
struct lease_lost {
  static constexpr auto type = message_type::lease_lost;
  struct entry {
    task_id task;
    std::uint32_t attempt = 0;
    begun_state state = begun_state::running;
    static void fields(auto& visit, auto& self) {
      visit(self.task);
      visit(self.attempt);
      visit(self.state);
    }
  };

  lease_id lease;
  process_id worker;
  std::string_view cause;  // "killed by signal 9", "exited with status 3"
  std::vector<entry> begun;

  static void fields(auto& visit, auto& self) {
    visit(self.lease);
    visit(self.worker);
    visit(self.cause);
    visit(self.begun);
  }
};

/// Scheduler to worker: the lease's owner is gone. Drop what has not begun; answer lease_over when
/// nothing of it is left.
struct lease_revoke {
  static constexpr auto type = message_type::lease_revoke;
  lease_id lease;
  static void fields(auto& visit, auto& self) { visit(self.lease); }
};

/// Worker to scheduler: the lease was revoked, or its actor has ended, or its owner's tasks before
/// those of others in its slot; nothing of it is left here.
struct lease_over {
  static constexpr auto type = message_type::lease_over;
  lease_id lease;
  static void fields(auto& visit, auto& self) { visit(self.lease); }
};

/// Worker to scheduler: everything of the lease waits; its cpus may be used meanwhile.
struct cpus_lend {
  static constexpr auto type = message_type::cpus_lend;
  lease_id lease;
  bool shares = true;  // its process can run others meanwhile
  static void fields(auto& visit, auto& self) {
    visit(self.lease);
    visit(self.shares);
  }
};

/// Worker to scheduler: a task of the lease can go on; give the cpus back, ahead of new leases.
struct cpus_claim {
  static constexpr auto type = message_type::cpus_claim;
  lease_id lease;
  static void fields(auto& visit, auto& self) { visit(self.lease); }
};

/// Scheduler to worker: the cpus of the lease are yours again.
struct cpus_grant {
  static constexpr auto type = message_type::cpus_grant;
  lease_id lease;
  static void fields(auto& visit, auto& self) { visit(self.lease); }
};

/// Scheduler to worker: end as soon as you own nothing that others hold.
struct worker_retire {
  static constexpr auto type = message_type::worker_retire;
  std::uint32_t reserved = 0;
  static void fields(auto& visit, auto& self) { visit(self.reserved); }
};

/// Holder to owner: tell me (object_ready) when it is made. Scheduler to owner: it could not be had
/// from `failed`; tell me (object_ready) where else it may be.
struct object_subscribe {
  static constexpr auto type = message_type::object_subscribe;
  object_id object;
  location failed;  // of no bytes: it has been looked for nowhere
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.failed);
  }
};

/// Owner to holder: what the object is.
struct object_ready {
  static constexpr auto type = message_type::object_ready;
  object_id object;
  value_view value;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    value_view::fields(visit, self.value);
  }
};

/// Somebody who holds the object, to its owner: `borrower` holds it too. The sender keeps its own
/// hold until the answer.
struct borrow_add {
  static constexpr auto type = message_type::borrow_add;
  object_id object;
  process_id borrower;
  std::uint64_t token = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.borrower);
    visit(self.token);
  }
};

/// Owner to the sender of borrow_add. `freed`: too late, the object is no more.
struct borrow_ack {
  static constexpr auto type = message_type::borrow_ack;
  object_id object;
  std::uint64_t token = 0;
  bool freed = false;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.token);
    visit(self.freed);
  }
};

/// Borrower to owner, batched: each object has lost this borrower, once for each time that its id
/// stands here. May overtake the borrow_add that it undoes.
struct borrow_release {
  static constexpr auto type = message_type::borrow_release;
  blob objects;  // ids
  static void fields(auto& visit, auto& self) { visit(self.objects); }
};

/// Scheduler to all schedulers, and each to the processes of its node: these have ended.
struct process_ended {
  static constexpr auto type = message_type::process_ended;
  std::vector<process_id> processes;
  static void fields(auto& visit, auto& self) { visit(self.processes); }
};

/// Driver to its scheduler, which asks node 0's once all drivers of its node have: let the job end.
/// From there, once all have, to all schedulers and on to the drivers: it ends.
struct shutdown {
  static constexpr auto type = message_type::shutdown;
  std::int32_t exit_status = 0;
  static void fields(auto& visit, auto& self) { visit(self.exit_status); }
};

/// Scheduler to node 0's, and to the drivers of its node: every other process of my node has ended.
struct shutdown_done {
  static constexpr auto type = message_type::shutdown_done;
  std::uint32_t reserved = 0;
  static void fields(auto& visit, auto& self) { visit(self.reserved); }
};

/// Process to its scheduler, and between schedulers: what has each node, what is free of it.
struct nodes_query {
  static constexpr auto type = message_type::nodes_query;
  std::uint64_t token = 0;
  static void fields(auto& visit, auto& self) { visit(self.token); }
};

/// A node's object store, as it is now. Not a message; part of nodes_reply.
struct store_use {
  std::uint64_t capacity_bytes = 0;
  std::uint64_t used_bytes = 0;     // by objects, whole or being made
  std::uint64_t objects = 0;        // copies that are here whole, in memory or on disk
  std::uint64_t spilled_bytes = 0;  // of these, on disk alone
  std::uint64_t reads = 0;          // since the start: of objects here, by other nodes
  std::uint64_t hops_max = 0;       // since the start: see core::fetch_table
};

struct nodes_reply {
  static constexpr auto type = message_type::nodes_reply;
  struct entry {
    node_id node = 0;
    bool alive = true;
    std::uint32_t workers = 0;  // worker processes now
    std::string host;
    resource_amounts total;
    resource_amounts free;
    store_use store;
    std::string description;  // of its hardware and software, as the runtime encodes it
    static void fields(auto& visit, auto& self) {
      visit(self.node);
      visit(self.alive);
      visit(self.workers);
      visit(self.host);
      visit(self.total);
      visit(self.free);
      visit(self.store);
      visit(self.description);
    }
  };
  std::uint64_t token = 0;
  std::vector<entry> nodes;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.nodes);
  }
};

/// Scheduler to scheduler: what is free here now. Rides beside other messages; never answered.
struct free_amounts {
  static constexpr auto type = message_type::free_amounts;
  node_id node = 0;
  std::uint32_t waiting = 0;  // workers that requests queued here still want
  // Kinds of resources (core/resources.hpp, resource_set) of which they want more than is free:
  // what comes later gets none of those.
  std::uint64_t lacking = 0;
  resource_amounts free;
  // Of gpus, that may be free in pieces: the largest that could be had, and how many whole ones.
  std::int64_t gpu_part = 0;
  std::uint32_t gpus_whole = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.node);
    visit(self.waiting);
    visit(self.lacking);
    visit(self.free);
    visit(self.gpu_part);
    visit(self.gpus_whole);
  }
};

enum class error_code : std::uint16_t {
  task_error = 1,
  worker_died,
  actor_died,
  object_lost,
  owner_died,
  timed_out,
  cancelled,
  store_full,
  infeasible,
  too_many_pending,
  nesting_limit,
  deadlock,
  checkpoint,
  internal,
};
constexpr bool is_known(error_code it) {
  return it >= error_code::task_error && it <= error_code::internal;
}

/// The error that stands where a value would: what the API throws. Not a message; travels inside.
struct error_value {
  error_code code = error_code::internal;
  process_id process;     // where it arose
  std::string what;       // for task_error: what() of the exception
  std::string exception;  // for task_error: the exception's type, demangled
  std::string function;   // the remote function, or empty
  std::string host;       // the node's host name, or empty

  static void fields(auto& visit, auto& self) {
    visit(self.code);
    visit(self.process);
    visit(self.what);
    visit(self.exception);
    visit(self.function);
    visit(self.host);
  }
};

}  // namespace mobula::wire
