#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/argument_fetcher.hpp"
#include "core/attempt.hpp"
#include "core/ended_processes.hpp"
#include "core/hosted_actor.hpp"
#include "core/lease_slot.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/store_messages.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::core {

/// Who can push a task to this very process because a fiber here waits for what it makes: the
/// process's owner.
class run_here_source {
 public:
  enum class answer : std::uint8_t {
    pushed,   // a task_push of `task` to this process, with that lease, is under way
    not_now,  // it is not made, but nothing that it needs can be pushed now; ask again later
    never,    // it is made, or pushed elsewhere, or somebody else's: don't ask again
  };
  struct reply {
    answer what = answer::never;
    wire::task_id task;
  };
  /// A fiber of `lease` waits for `awaited`. Pushes its task, or a ready one that it transitively
  /// needs, to this process with this lease, if nobody has it yet and its shape is `shape`.
  virtual reply run_here(wire::object_id awaited, wire::lease_id lease, std::uint64_t shape) = 0;

 protected:
  ~run_here_source() = default;
};

/// Where the process shows which tasks have begun, so that it can be read after its death.
/// Slots are small numbers, reused: never more in use than executor_limits::suspended_max.
class task_board {
 public:
  virtual void begun(const attempt& one) = 0;  // it runs, in one.slot
  virtual void suspended(const attempt& one) = 0;
  virtual void resumed(const attempt& one) = 0;
  virtual void ended(const attempt& one) = 0;

 protected:
  ~task_board() = default;
};

struct executor_limits {
  /// A lease that waits this long lends its cpus; shorter waits cost no message.
  std::uint64_t lend_after_ns = 50'000;
  /// Tasks of a lease of which none has begun for so long, since one of another lease runs, go
  /// back: there may be a process that runs nothing.
  std::uint64_t give_back_after_ns = 200'000;
  /// Attempts that have begun and not ended, in this process. A task beyond it fails with
  /// nesting_limit; a call beyond it waits.
  std::uint32_t suspended_max = 8192;
};

/// How an attempt ended.
struct outcome {
  wire::task_status status = wire::task_status::done;
  std::uint32_t result_count = 1;
  wire::blob results = {};  // result_count encoded value_views; when failed, one
  wire::blob held = {};     // ids, as task_done::held
};

/// What a worker process runs, and in which order. No fibers inside: it says what to start or
/// resume, and hears what became of it.
///
/// A lease is a slot: one attempt of it runs. When that blocks, the slot passes
///   1. to an attempt of the lease that can go on;
///   2. to a task that the blocked one waits for: queued here, or pushed here by run_here_source;
///   3. otherwise, after a grace time, its cpus are lent (cpus_lend), and claimed (cpus_claim) when
///      something of it can run again.
/// A lease with a suspended attempt begins nothing else: other pushed tasks go back to their owner
/// (task_return blocked). An actor begins calls up to its concurrency. A lease whose owner's tasks
/// end before those that they let in is over for the owner (task_return revoked), and for its
/// scheduler when these have ended (lease_over).
///
/// All leases of a process share its thread. While an attempt of one runs for long, the tasks of
/// those in which nothing has begun go back too.
///
/// While a thread waits that can't give way (thread_waits) and an attempt runs, the process is held
/// up: that attempt may itself be waiting for the thread, in a join. Nothing more can begin or go
/// on here, so all pushed tasks go back, and the cpus of every lease are lent, the running
/// attempt's too. Whose thread it is nobody knows, so it holds up whatever runs; and should the
/// attempt compute beside it after all, its node does so much more at once than it has cpus for.
///
/// Cpus of a lease: held -> waiting (fresh, then with a deadline) -> lent -> claimed -> held.
class executor {
 public:
  /// @param pins  null: blocks of this node's store are never moved
  executor(wire::process_id self, run_here_source& source, task_board& board, wire::outbox& out,
           executor_limits limits = {}, argument_pins* pins = nullptr);
  executor(const executor&) = delete;
  executor& operator=(const executor&) = delete;

  /// Takes task_push, task_reclaim, actor_call, actor_end, lease_revoke, cpus_grant, worker_retire,
  /// and store_fetched where `is_fetch_token` says that the answer is the executor's.
  void on_message(wire::process_id from, wire::blob message);
  static bool is_fetch_token(std::uint64_t token) { return argument_fetcher::is_mine(token); }
  /// Drops what the process pushed and what has not begun. A scheduler's end is that of its node.
  void process_ended(wire::process_id process);

  /// The attempt to start (context is null: it has not begun) or to resume; it is running from now
  /// on. Null: nothing may run now. Not to be called while one runs.
  attempt* next();
  /// The running attempt waits.
  void suspend(attempt& running, const awaiting& what);
  /// What it waited for is there (or its deadline has come).
  void wake(attempt& suspended);
  /// The running attempt has ended; sends its task_done. The attempt is no more.
  void finish(attempt& running, const outcome& how);

  /// A thread that can't give way to other attempts waits: one that runs none, or the running one's
  /// in a place where it can't be suspended. Each call is paired with one of `thread_goes_on`.
  void thread_waits();
  void thread_goes_on();
  /// After thread_goes_on: whether the attempt that runs has the cpus to go on with.
  bool thread_may_go_on() const;

  void tick(std::uint64_t now_ns);
  /// When tick is wanted next; 0: at once; UINT64_MAX: never.
  std::uint64_t next_deadline_ns() const;

  /// Nothing is queued and nothing has begun.
  bool idle() const { return pool_.in_use() == 0; }
  /// The scheduler wants the process to end, and nothing is left to run. (What the process owns is
  /// for others to say.)
  bool may_exit() const { return retiring_ && idle(); }
  std::size_t suspended_count() const { return suspended_; }
  /// How many waits have begun; the last of them has this number.
  std::uint64_t waits() const { return waits_; }
  void look_at_suspended(const std::function<void(attempt&)>& look);
  /// Null if it is not suspended here.
  attempt* find_suspended(const wire::wait_point& named);
  /// What a lease or an attempt waits for; `answer` stays as it is if it does not wait here.
  void tell_wait(const wire::wait_point& about, wire::wait_reply& answer);
  /// Messages that could not be decoded or made no sense.
  std::uint64_t dropped() const { return dropped_; }

 private:
  // Messages: executor.cpp.
  void on_push(wire::process_id from, wire::blob message);
  void on_call(wire::process_id from, wire::blob message);
  void on_reclaim(wire::process_id from, const wire::task_reclaim& asked);
  void on_actor_end(const wire::actor_end& asked);
  void on_revoke(wire::lease_id id);
  void on_cpus_grant(wire::lease_id id);
  void on_retire();
  void on_fetched(const wire::store_fetched& answer);
  bool take_arguments(attempt& one);
  void answer_gone(const attempt& call);
  void drop(attempt& one);
  void drop_calls(hosted_actor& actor);
  void drop_pushed_by(wire::process_id process, attempt_list& list);
  void fail(attempt& one, wire::blob error);
  void give_back(attempt& one, wire::return_reason reason);
  void give_back_all(attempt_list& list, wire::return_reason reason);
  void give_back_all(lease_slot& lease, wire::return_reason reason);
  void give_back_for(attempt& one, const wire::resolved_argument& missing, wire::blob error);

  // Leases and their slots: executor_slots.cpp.
  lease_slot* find(wire::lease_id id);
  lease_slot* find_actor(wire::object_id actor);
  lease_slot& slot_of(wire::lease_id id);
  void close(lease_slot& lease);
  void leave_to_guests(lease_slot& lease, wire::process_id owner);
  void forget(lease_slot& lease);
  void forget_if_over(lease_slot& lease);
  bool waits_for(attempt& suspended, wire::task_id task) const;
  bool may_begin_in(lease_slot& lease, const attempt& one) const;
  void give_back_unrelated(lease_slot& lease);
  attempt* next_resumable();
  attempt* next_new();
  attempt* next_of(lease_slot& lease);
  attempt* next_call(lease_slot& lease);
  bool pin_arguments(attempt& one);
  void fail_pins(attempt& one);
  attempt* run(attempt& one);
  void fail_nesting(attempt& one);
  void ask_run_here(lease_slot& lease);
  bool held_up() const { return running_ != nullptr && waiting_threads_ != 0; }
  void hold_up();
  void let_go();
  bool is_blocked(const lease_slot& lease) const;
  bool may_lend() const { return suspended_ != 0 || held_up(); }
  bool shares_thread() const { return running_ != nullptr && leases_.size() > 1; }
  void became_runnable(lease_slot& lease);
  void became_blocked(lease_slot& lease);
  void end_actor_when_done(lease_slot& lease);
  void creation_ended(lease_slot& lease, bool made);
  void lend_when_due(lease_slot& lease, std::uint64_t now_ns);
  bool waits_for_thread(const lease_slot& lease) const;
  void give_back_when_due(lease_slot& lease, std::uint64_t now_ns);

  // Who waits for what: executor_waits.cpp.
  void tell_begun(const lease_slot& lease, wire::wait_reply& answer) const;
  void tell_suspended(const attempt& one, wire::wait_reply& answer) const;

  wire::process_id self_;
  run_here_source& source_;
  task_board& board_;
  wire::outbox& out_;
  executor_limits limits_;

  attempt_pool pool_;
  wire::actor_call call_;  // the call being received
  argument_fetcher fetcher_;
  std::vector<std::unique_ptr<lease_slot>> leases_;  // few: one, and those that wait below it
  std::size_t turn_ = 0;                             // where the search for new work begins
  lease_slot* last_ = nullptr;
  attempt* running_ = nullptr;
  std::uint32_t begun_ = 0;
  std::uint32_t suspended_ = 0;
  std::uint32_t waiting_threads_ = 0;
  std::uint32_t resumable_ = 0;
  std::uint64_t waits_ = 0;
  std::vector<std::uint32_t> free_board_slots_;
  ended_processes ended_;
  bool retiring_ = false;
  std::uint64_t dropped_ = 0;
};

}  // namespace mobula::core
