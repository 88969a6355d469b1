#pragma once

#include <cstdint>
#include <unordered_map>

#include "core/attempt.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

enum class actor_state : std::uint8_t { creating, alive, destroying };

/// An actor's instance in its process, and the calls that wait for it.
///
/// Calls of one caller begin in the order in which they came; one whose arguments are still being
/// fetched holds back the later ones of its caller only.
class hosted_actor {
 public:
  hosted_actor(wire::object_id id, std::uint32_t max_concurrency)
      : id_{id}, max_concurrency_{max_concurrency == 0 ? 1 : max_concurrency} {}

  wire::object_id id() const { return id_; }
  std::uint32_t max_concurrency() const { return max_concurrency_; }
  actor_state state = actor_state::creating;
  bool ends = false;  // once nothing waits or runs

  /// Whether a call with this number was taken from that process before; otherwise it counts as
  /// taken now. Numbers rise with each call that a process sends.
  bool taken_before(wire::process_id process, std::uint64_t number);

  /// Takes a call, `fetching` or ready.
  void add(attempt& call);
  /// The arguments of a call that was `fetching` are here.
  void fetched(const attempt& call) { advance(call.caller); }
  /// Takes out a call that was `fetching`, or whose turn had come.
  void remove_waiting(attempt& call);
  /// The next call whose turn it is; null: none now. It stays here until it is taken.
  attempt* next() const { return has_ready() ? ready_.front() : nullptr; }
  void take_next() { ready_.pop_front(); }
  /// A call whose turn has not come, its arguments being here; null: it is not among them.
  const attempt* find_ready(wire::task_id task, std::uint32_t attempt_number) const;
  /// Nothing overtakes a call that waits for its arguments when its turn has come.
  bool has_ready() const {
    return !ready_.empty() && ready_.front()->state != attempt_state::fetching;
  }
  /// No call waits here.
  bool drained() const { return ready_.empty() && lines_.empty(); }
  /// Takes out any call; null when none is left.
  attempt* take_any();
  /// Takes out any call of that process, and forgets the process once there is none. A scheduler
  /// stands for its node.
  attempt* take_any_of(wire::process_id process);

 private:
  void advance(wire::caller_id caller);

  wire::object_id id_;
  std::uint32_t max_concurrency_;
  attempt_list ready_;
  /// Calls of a caller from the first on whose arguments are being fetched. None is empty.
  std::unordered_map<wire::caller_id, attempt_list> lines_;
  std::unordered_map<wire::process_id, std::uint64_t> next_number_;
  wire::process_id last_process_;
  std::uint64_t* last_next_ = nullptr;  // its entry in next_number_
};

}  // namespace mobula::core
