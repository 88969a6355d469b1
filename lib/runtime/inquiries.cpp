#include "runtime/inquiries.hpp"

#include <mutex>

#include "runtime/process.hpp"
#include "wire/codec.hpp"

namespace mobula::detail {

std::vector<wire::nodes_reply::entry> inquiries::nodes() {
  std::uint64_t token = 0;
  {
    const std::lock_guard held{whose_.lock()};
    token = next_token_++;
    asked_[token];
    wire::send(whose_.port(), whose_.scheduler(), wire::nodes_query{token});
    whose_.flush();
  }
  if (!whose_.wait_until([&] { return asked_.at(token).has_value(); })) process::require();
  const std::lock_guard held{whose_.lock()};
  return std::move(*asked_.extract(token).mapped());
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
    if (const auto asked = asked_.find(reply->token); asked != asked_.end())
      asked->second = reply->nodes;
  } else if (wire::decode<wire::shutdown_done>(message)) {
    job_ended_ = true;
  }
}

}  // namespace mobula::detail
