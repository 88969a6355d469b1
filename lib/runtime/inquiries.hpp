#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "wire/messages.hpp"

namespace mobula::detail {

class process;
class task_run;

/// Questions that a process asks its scheduler and waits for the answer of.
class inquiries {
 public:
  explicit inquiries(process& whose) : whose_{whose} {}

  /// What each node has and has free now. Waits for a round trip to every node; in a task that
  /// leaves the worker to others.
  /// @throws timed_out
  std::vector<wire::nodes_reply::entry> nodes(std::uint64_t deadline_ns);
  /// Removes a placement group. Waits as above. @returns whether it was there. @throws timed_out
  bool remove_group(wire::group_id group, std::uint64_t deadline_ns);
  /// Ends the job; blocks until every other process of it, or of this node, has ended.
  /// @param all_have_to  want it: waits for that as long as it takes, and only then with patience
  /// @param is_in_vain   under the lock: nothing will be heard any more
  /// @returns whether they have
  bool shut_down(bool all_have_to, const std::function<bool()>& is_in_vain);

  void on_message(wire::blob message);

 private:
  struct question {
    task_run* who = nullptr;  // who is suspended until the answer
    bool answered = false;
    std::vector<wire::nodes_reply::entry> nodes = {};
    bool was_there = false;
  };
  question ask(const std::function<void(std::uint64_t token)>& send, std::uint64_t deadline_ns,
               const char* nobody_answered);
  void answered(question& one);

  process& whose_;
  std::uint64_t next_token_ = 1;
  std::unordered_map<std::uint64_t, question> asked_;
  bool job_ends_ = false;
  bool job_ended_ = false;
};

}  // namespace mobula::detail
