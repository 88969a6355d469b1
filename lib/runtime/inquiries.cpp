#include "runtime/inquiries.hpp"

#include <mutex>
#include <utility>

#include "mobula/errors.hpp"
#include "runtime/process.hpp"
#include "runtime/task_run.hpp"
#include "wire/codec.hpp"

namespace mobula::detail {

std::vector<wire::nodes_reply::entry> inquiries::nodes(std::uint64_t deadline_ns) {
  std::uint64_t token = 0;
  {
    const std::lock_guard held{whose_.lock()};
    token = next_token_++;
    asked_[token];
    wire::send(whose_.port(), whose_.scheduler(), wire::nodes_query{token});
    whose_.flush();
  }
  const auto is_answered = [&] { return asked_.at(token).answer.has_value(); };
  if (task_run* run = task_run::current()) {
    run->wait({}, deadline_ns, [&] {
      asked_.at(token).who = run;
      return !is_answered();
    });
  } else {
    whose_.wait_until(is_answered, deadline_ns);
    whose_.rest();
  }
  std::optional<std::vector<wire::nodes_reply::entry>> answer;
  {
    const std::lock_guard held{whose_.lock()};
    answer = std::move(asked_.extract(token).mapped().answer);
  }
  if (answer) return std::move(*answer);
  process::require();  // it may be the end of the job that ended the wait
  throw timed_out{"the nodes of the job did not all answer within the time limit"};
}

bool inquiries::shut_down(std::int32_t exit_status, std::uint64_t deadline_ns) {
  {
    const std::lock_guard held{whose_.lock()};
    wire::send(whose_.port(), whose_.scheduler(), wire::shutdown{exit_status});
    whose_.flush();
  }
  return whose_.wait_until([&] { return job_ended_; }, deadline_ns);
}

void inquiries::on_message(wire::blob message) {
  if (const auto reply = wire::decode<wire::nodes_reply>(message)) {
    const auto asked = asked_.find(reply->token);
    if (asked == asked_.end()) return;  // nobody waits any more
    asked->second.answer = reply->nodes;
    if (asked->second.who) asked->second.who->wake();
  } else if (wire::decode<wire::shutdown_done>(message)) {
    job_ended_ = true;
  }
}

}  // namespace mobula::detail
