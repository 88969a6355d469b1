#include "core/waits.hpp"

#include <algorithm>
#include <vector>

#include "core/executor.hpp"
#include "core/owner.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::process_id;
using wire::wait_kind;
using wire::wait_point;
using wire::wait_reply;

namespace {

// No more of them than an answer holds.
void cut(wait_reply& answer) {
  if (answer.on.size() <= wire::wait_points_max) return;
  const bool needs_all = answer.needed == answer.on.size();
  answer.on.resize(wire::wait_points_max);
  answer.needed = needs_all ? wire::wait_points_max : 0;
}

// What is ready here has been waited for.
void leave_out_ready(owner& owns, wait_reply& answer) {
  const std::size_t before = answer.on.size();
  std::erase_if(answer.on, [&](const wait_point& point) {
    if (point.kind != wait_kind::object) return false;
    const object* known = owns.objects().find(point.object);
    return known && known->ready();
  });
  const std::size_t ready = before - answer.on.size();
  answer.needed -= static_cast<std::uint32_t>(std::min<std::size_t>(ready, answer.needed));
}

}  // namespace

wait_point point_of(const attempt& one, process_id where) {
  return {.kind = wait_kind::attempt,
          .attempt = one.push.attempt,
          .asked = where,
          .object = wire::result_of(one.push.task, 0)};
}

wait_reply answer_wait(owner& owns, executor* runs, const wait_point& about) {
  wait_reply answer;
  if (about.kind == wait_kind::object) {
    owns.tell_wait(about, answer);
  } else if (runs) {
    runs->tell_wait(about, answer);
    leave_out_ready(owns, answer);
  }
  cut(answer);
  return answer;
}

void on_wait_query(owner& owns, executor* runs, process_id from, wire::blob message,
                   wire::outbox& out) {
  const auto asked = wire::decode<wire::wait_query>(message);
  if (!asked) return;
  wait_reply answer = answer_wait(owns, runs, asked->about);
  answer.token = asked->token;
  wire::send(out, from, answer);
}

}  // namespace mobula::core
