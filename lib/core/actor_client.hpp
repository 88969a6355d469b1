#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

#include "core/task.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// The calls that this process makes on one actor: which wait, in each caller's order, and which
/// are under way.
///
/// A call is sent when the actor's address is known, its arguments are ready, and no earlier call
/// of the same caller waits. A call whose argument failed takes its turn by failing.
class actor_client {
 public:
  /// Told when the handle is resolved.
  class handle_waiter final : public waiter {
   public:
    std::function<void()> then;

   private:
    void on_ready(object&) override { then(); }
  };

  enum class state : std::uint8_t { unknown, alive, dead };

  explicit actor_client(object& handle) : handle_{handle} {}
  actor_client(const actor_client&) = delete;
  actor_client& operator=(const actor_client&) = delete;
  ~actor_client() = default;

  object& handle() const { return handle_; }
  state where() const { return state_; }
  wire::process_id home() const { return home_; }
  std::uint32_t incarnation() const { return incarnation_; }
  const std::vector<std::byte>& error() const { return error_; }

  void found(wire::process_id home, std::uint32_t incarnation);
  void died(wire::blob error);

  /// Whether a call of that caller may go on its way at once, if its arguments are ready.
  bool is_clear(wire::caller_id caller) const {
    return state_ == state::alive && !sends && going.empty() &&
           (waiting_.empty() || !waiting_.contains(caller));
  }
  /// Takes a call in, behind the earlier ones of its caller.
  void admit(task& call);
  /// Puts the calls that may go now, in order, at the end of `go`; failed ones too.
  void take_sendable(wire::caller_id caller, std::vector<task*>& go);
  void take_all_sendable(std::vector<task*>& go);
  /// All waiting calls, in each caller's order.
  void take_waiting(std::vector<task*>& all);

  /// The call of this caller behind which its others wait; null: none waits.
  const task* first_waiting(wire::caller_id caller) const;

  handle_waiter known;
  task_list in_flight;
  std::deque<task*> going;  // no longer waiting, not on their way yet
  bool sends = false;       // somebody is at work on `going`

 private:
  static bool is_sendable(const task& call) {
    return call.missing == 0 || call.has_failed_argument;
  }
  void take_from(task_list& queue, std::vector<task*>& go);

  object& handle_;
  state state_ = state::unknown;
  wire::process_id home_;
  std::uint32_t incarnation_ = 0;
  std::vector<std::byte> error_;
  std::unordered_map<wire::caller_id, task_list> waiting_;  // no empty list stays
};

}  // namespace mobula::core
