#include "runtime/inquiries.hpp"

#include <mutex>
#include <utility>

#include "mobula/errors.hpp"
#include "runtime/process.hpp"
#include "runtime/task_run.hpp"
#include "wire/codec.hpp"
#include "wire/group_messages.hpp"

namespace mobula::detail {

inquiries::question inquiries::ask(const std::function<void(std::uint64_t token)>& send,
                                   std::uint64_t deadline_ns, const char* nobody_answered) {
  std::uint64_t token = 0;
  {
    const std::lock_guard held{whose_.lock()};
    token = next_token_++;
    asked_[token];
    send(token);
    whose_.flush();
  }
  const auto is_answered = [&] { return asked_.at(token).answered; };
  if (task_run* run = task_run::current()) {
    run->wait({}, deadline_ns, [&] {
      asked_.at(token).who = run;
      return !is_answered();
    });
  } else {
    whose_.wait_until(is_answered, deadline_ns);
    whose_.rest();
  }
  question answer;
  {
    const std::lock_guard held{whose_.lock()};
    answer = std::move(asked_.extract(token).mapped());
  }
  if (answer.answered) return answer;
  process::require();  // it may be the end of the job that ended the wait
  throw timed_out{nobody_answered};
}

std::vector<wire::nodes_reply::entry> inquiries::nodes(std::uint64_t deadline_ns) {
  const auto send = [this](std::uint64_t token) {
    wire::send(whose_.port(), whose_.scheduler(), wire::nodes_query{token});
  };
  return ask(send, deadline_ns, "the nodes of the job did not all answer within the time limit")
      .nodes;
}

bool inquiries::remove_group(wire::group_id group, std::uint64_t deadline_ns) {
  const auto send = [&](std::uint64_t token) {
    wire::send(whose_.port(), wire::process_id::scheduler_of(0), wire::group_remove{token, group});
  };
  return ask(send, deadline_ns,
             "the scheduler of node 0 did not say within the time limit that the placement group "
             "is removed")
      .was_there;
}

bool inquiries::shut_down(bool all_have_to, const std::function<bool()>& is_in_vain) {
  constexpr std::uint64_t patience_ns = 30'000'000'000;
  {
    const std::lock_guard held{whose_.lock()};
    wire::send(whose_.port(), whose_.scheduler(), wire::shutdown{});
    whose_.flush();
  }
  if (all_have_to) whose_.wait_until([&] { return job_ends_ || job_ended_ || is_in_vain(); });
  whose_.wait_until([&] { return job_ended_ || is_in_vain(); }, ring::now_ns() + patience_ns);
  const std::lock_guard held{whose_.lock()};
  return job_ended_;
}

void inquiries::answered(question& one) {
  one.answered = true;
  if (one.who) one.who->wake();
}

void inquiries::on_message(wire::blob message) {
  // Of what is not among them any more nobody waits for the answer.
  if (const auto reply = wire::decode<wire::nodes_reply>(message)) {
    const auto asked = asked_.find(reply->token);
    if (asked == asked_.end()) return;
    asked->second.nodes = reply->nodes;
    answered(asked->second);
  } else if (const auto removed = wire::decode<wire::group_removed>(message)) {
    const auto asked = asked_.find(removed->token);
    if (asked == asked_.end()) return;
    asked->second.was_there = removed->was_there;
    answered(asked->second);
  } else if (wire::decode<wire::shutdown>(message)) {
    job_ends_ = true;
  } else if (wire::decode<wire::shutdown_done>(message)) {
    job_ended_ = true;
  }
}

}  // namespace mobula::detail
