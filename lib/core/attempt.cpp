#include "core/attempt.hpp"

#include <algorithm>
#include <cstring>

namespace mobula::core {

attempt& attempt_pool::take(wire::blob message) {
  attempt* one;
  if (free_.empty()) {
    one = &all_.emplace_back();
  } else {
    one = free_.back();
    free_.pop_back();
  }
  if (message.size() > one->message_capacity) {
    one->message_capacity = std::max<std::size_t>(message.size(), 256);
    one->message.reset(new std::byte[one->message_capacity]);
  }
  if (!message.empty()) std::memcpy(one->message.get(), message.data(), message.size());
  return *one;
}

void attempt_pool::give_back(attempt& one) {
  one.kind = attempt_kind::task;
  one.state = attempt_state::queued;
  one.context = nullptr;
  one.push.max_concurrency = 1;
  one.lease = nullptr;
  one.host = nullptr;
  one.next = one.previous = nullptr;
  one.fetches_left = 0;
  one.hurried = false;
  one.returning = false;
  one.run_here = false;
  one.asked = 0;
  one.limited = false;
  one.list = nullptr;
  one.looked = 0;
  one.resolved.clear();
  one.stored.clear();
  one.awaited.clear();
  one.awaited_sorted.clear();
  if (one.message_capacity > kept_message_bytes_max) {
    one.message.reset();
    one.message_capacity = 0;
  }
  free_.push_back(&one);
}

}  // namespace mobula::core
