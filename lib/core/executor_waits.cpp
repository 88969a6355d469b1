// What the attempts of a process wait for, for those who ask.

#include <vector>

#include "core/executor.hpp"
#include "core/waits.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::core {

using wire::wait_kind;
using wire::wait_point;

void executor::look_at_suspended(const std::function<void(attempt&)>& look) {
  for (const auto& lease : leases_) {
    for (attempt* one = lease->suspended.front(); one; one = one->next) look(*one);
  }
}

attempt* executor::find_suspended(const wait_point& named) {
  const wire::task_id task = wire::maker_of(named.object);
  for (const auto& lease : leases_) {
    for (attempt* one = lease->suspended.front(); one; one = one->next) {
      if (one->push.task == task && one->push.attempt == named.attempt) return one;
    }
  }
  return nullptr;
}

void executor::tell_wait(const wait_point& about, wire::wait_reply& answer) {
  if (about.kind == wait_kind::lease) {
    if (const lease_slot* lease = find({about.by, about.number})) tell_begun(*lease, answer);
    // It ends with the last of them.
    answer.needed = static_cast<std::uint32_t>(answer.on.size());
    return;
  }
  if (about.kind != wait_kind::attempt) return;
  if (const attempt* one = find_suspended(about)) return tell_suspended(*one, answer);
  for (const auto& lease : leases_) {
    const hosted_actor* actor = lease->actor.get();
    if (!actor || lease->begun() < actor->max_concurrency()) continue;
    const attempt* queued = actor->find_ready(wire::maker_of(about.object), about.attempt);
    if (!queued) continue;
    answer.function = queued->push.function;
    answer.actor = queued->actor;
    answer.name = queued->push.name;
    answer.concurrency = actor->max_concurrency();
    tell_begun(*lease, answer);
    answer.needed = 1;
    return;
  }
}

// Those that run say so themselves when they are asked.
void executor::tell_begun(const lease_slot& lease, wire::wait_reply& answer) const {
  for (const attempt_list* list : {&lease.suspended, &lease.resumable}) {
    for (const attempt* one = list->front(); one; one = one->next)
      answer.on.push_back(core::point_of(*one, self_));
  }
  if (lease.running) answer.on.push_back(core::point_of(*lease.running, self_));
}

void executor::tell_suspended(const attempt& one, wire::wait_reply& answer) const {
  // Nobody hears what a destructor throws.
  answer.can_fail = one.kind != attempt_kind::destruction;
  answer.stamp = one.wait;
  answer.function = one.push.function;
  answer.name = one.push.name;
  if (one.kind == attempt_kind::call) answer.actor = one.actor;
  // Its time limit ends the wait.
  if (one.limited) return;
  std::vector<wire::object_id> listed;
  if (one.list) one.list->list(listed);
  for (const wire::object_id id : one.list ? listed : one.awaited)
    answer.on.push_back({.kind = wait_kind::object, .asked = id.owner(), .object = id});
  answer.needed = static_cast<std::uint32_t>(one.needed);
}

}  // namespace mobula::core
