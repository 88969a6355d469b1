#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "core/actor_client.hpp"
#include "core/executor.hpp"
#include "core/lease_book.hpp"
#include "core/object_table.hpp"
#include "core/task.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::core {

/// Everything that a process owns: the objects it put, the tasks and calls it submitted, the actors
/// it created, and what it borrows from others. One in each process that runs user code.
///
/// Moves every task from submission to its end: waits for its arguments, has it pushed, takes its
/// results. It alone moves a task; a worker gives back what it can't run.
class owner final : public run_here_source, argument_receiver {
 public:
  struct limits {
    lease_book::limits leases;
    /// Tasks that wait for arguments; more are refused (too_many_pending), never held up.
    std::size_t waiting_max = 20'000'000;
  };

  /// @param job  object_table's
  owner(wire::process_id self, wire::outbox& out, limits named, std::uint32_t job = 0);
  owner(wire::process_id self, wire::outbox& out) : owner(self, out, limits{}) {}
  ~owner();

  object_table& objects() { return objects_; }
  const object_table& objects() const { return objects_; }
  shape& shape_for(const demand_key& key) { return leases_.shape_for(key); }

  /// Puts a value; the object has one count, the caller's. `value.contains` is ignored: `contains`
  /// are the refs inside.
  object& put(const wire::value_view& value, std::span<object* const> contains);
  /// A pending object of ours without a maker, with one count: a put that has its value set later.
  object& promise();
  void fulfil(object& promised, const wire::value_view& value, std::span<object* const> contains);

  /// Submits a task: result 0, and through objects().result the others, have one count each.
  object& submit(const task_spec& spec, shape& demand);
  /// Creates an actor: its handle, with one count.
  object& create_actor(const task_spec& spec, shape& demand);
  /// Calls the actor that `handle` names; results as for `submit`.
  object& call_actor(object& handle, wire::caller_id caller, const task_spec& spec);
  /// Whether one more submission would have to be refused with too_many_pending.
  bool too_many_waiting() const { return waiting_ >= limits_.waiting_max; }

  /// Tells `who` when the object is ready; asks its owner for it where it is not ours.
  /// False if it is ready already: `who` is not told then.
  bool await(object& one, waiter& who);

  /// A task that `awaited` needs and that is ready and not pushed is pushed to this process itself,
  /// in the slot of `lease`, if its demand is the one numbered `shape_number`.
  reply run_here(wire::object_id awaited, wire::lease_id lease,
                 std::uint64_t shape_number) override;

  /// What an object of ours waits for; `told` stays as it is if it does not wait.
  void tell_wait(const wire::wait_point& about, wire::wait_reply& told);

  /// True if the message's type was one of the owner's.
  bool on_message(wire::process_id from, wire::blob message);
  /// A scheduler's end is that of its whole node.
  void on_process_ended(wire::process_id ended);
  /// To be called after each batch of messages and submissions: what is ready together goes
  /// together.
  void flush();
  void tick(std::uint64_t now_ns) { leases_.tick(now_ns); }
  std::uint64_t next_deadline_ns() const { return leases_.next_deadline_ns(); }

  std::size_t tasks_live() const { return tasks_.live(); }
  std::size_t tasks_waiting() const { return waiting_; }
  std::size_t leases_held() const { return leases_.leases_held(); }
  std::size_t actors_live() const { return actors_.size(); }
  /// Whether this process may end without anybody losing something.
  bool owns_nothing() const { return !objects_.others_hold() && tasks_.live() == 0; }

 private:
  struct made_actor {
    wire::lease_id lease;
    wire::process_id home;
  };

  task& make_task(const task_spec& spec, task::kind what, shape* demand);
  object& start(task& made);
  void argument_ready(task& whose, object& ready) override;
  void arguments_done(task& one);
  void push(task& one, const held_lease& lease);
  void send_push(task& one, wire::process_id to, wire::lease_id lease, const actor_client* client);
  void on_done(wire::process_id from, const wire::task_done& done);
  void take_results(task& one, const wire::task_done& done);
  void drop_results(wire::process_id from, const wire::task_done& done);
  void take_held(const task* one, wire::process_id worker, wire::blob held);
  void fail(task& one, wire::blob error);
  /// With the error of the first of its arguments that failed.
  void fail_by_argument(task& one);
  void end_task(task& one);

  actor_client& client_of(object& handle);
  void learn_address(actor_client& client);
  void send_calls(actor_client& client, std::vector<task*>& go);
  void send_call(actor_client& client, task& one);
  void actor_ended(object& handle, wire::process_id home, std::string_view cause);
  void client_died(actor_client& client, wire::blob error);
  void actor_unheld(object& handle);
  void creation_done(task& creation, wire::process_id home);

  wire::process_id self_;
  wire::outbox& out_;
  limits limits_;
  object_table objects_;
  lease_book leases_;
  task_pool tasks_;
  std::size_t waiting_ = 0;
  // For all actors together: a client may go and come again, its numbers may not.
  std::uint64_t next_call_ = 0;
  std::unordered_map<wire::object_id, made_actor> actors_;
  std::unordered_map<wire::process_id, std::vector<wire::object_id>> clients_at_;
  std::vector<std::byte> resolved_;  // room for the resolved arguments of a push
  std::vector<wire::object_id> id_room_;
};

}  // namespace mobula::core
