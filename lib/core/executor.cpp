#include "core/executor.hpp"

#include <utility>

#include "core/invariant.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

executor::executor(wire::process_id self, run_here_source& source, task_board& board,
                   wire::outbox& out, executor_limits limits, argument_pins* pins)
    : self_{self},
      source_{source},
      board_{board},
      out_{out},
      limits_{limits},
      fetcher_{self, pins, out} {}

void executor::on_message(wire::process_id from, wire::blob message) {
  const auto handle = [&]<class Message>(void (executor::*handler)(const Message&)) {
    const auto decoded = wire::decode<Message>(message);
    decoded ? (this->*handler)(*decoded) : void(++dropped_);
  };
  switch (wire::type_of(message)) {
    case wire::message_type::task_push:
      return on_push(from, message);
    case wire::message_type::actor_call:
      return on_call(from, message);
    case wire::message_type::task_reclaim:
      if (const auto asked = wire::decode<wire::task_reclaim>(message)) {
        return on_reclaim(from, *asked);
      }
      break;
    case wire::message_type::actor_end:
      return handle(&executor::on_actor_end);
    case wire::message_type::lease_revoke:
      if (const auto asked = wire::decode<wire::lease_revoke>(message)) {
        return on_revoke(asked->lease);
      }
      break;
    case wire::message_type::cpus_grant:
      if (const auto given = wire::decode<wire::cpus_grant>(message)) {
        return on_cpus_grant(given->lease);
      }
      break;
    case wire::message_type::worker_retire:
      return on_retire();
    case wire::message_type::store_fetched:
      return handle(&executor::on_fetched);
    default:
      break;
  }
  ++dropped_;
}

void executor::on_push(wire::process_id from, wire::blob message) {
  if (ended_.has(from)) return;
  attempt& one = pool_.take(message);
  // In place, since this is each task's way: the copy of a push costs as much as reading it.
  const bool whole = wire::decode_into(one.push, {one.message.get(), message.size()});
  if (!whole || one.push.task_count != 1 || !one.push.task || !one.push.lease) {
    ++dropped_;
    return pool_.give_back(one);
  }
  one.owner = from;
  lease_slot& lease = slot_of(one.push.lease);
  one.lease = &lease;
  if (lease.expected && lease.expected == one.push.task) {
    lease.expected = {};
    one.run_here = true;
    ++lease.guests;
  }
  if (retiring_) return give_back(one, wire::return_reason::retiring);
  if (lease.revoked) {
    give_back(one, wire::return_reason::revoked);
    return forget_if_over(lease);
  }
  const bool creates = (one.push.flags & wire::task_push::creates_actor) != 0;
  if (held_up() || lease.actor || (creates && !lease.empty()) || !may_begin_in(lease, one)) {
    return give_back(one, wire::return_reason::blocked);
  }
  if (!take_arguments(one)) {
    ++dropped_;
    return drop(one);
  }
  if (creates) {
    one.kind = attempt_kind::creation;
    one.actor = wire::result_of(one.push.task, 0);
    lease.actor = std::make_unique<hosted_actor>(one.actor, one.push.max_concurrency);
    lease.lends = (one.push.flags & wire::task_push::holds_no_cpus) == 0;
  }
  if (one.state == attempt_state::fetching) return lease.fetching.push_back(one);
  lease.queued.push_back(one);
  became_runnable(lease);
}

void executor::on_call(wire::process_id from, wire::blob message) {
  if (ended_.has(from)) return;
  attempt& one = pool_.take(message);
  if (!wire::decode_into(call_, {one.message.get(), message.size()}) || !call_.call.task) {
    ++dropped_;
    return pool_.give_back(one);
  }
  one.kind = attempt_kind::call;
  one.push = call_.call;
  one.owner = from;
  one.actor = call_.actor;
  one.caller = call_.caller;
  one.number = call_.number;
  lease_slot* lease = find_actor(one.actor);
  if (!lease || lease->revoked || lease->actor->state == actor_state::destroying) {
    answer_gone(one);
    return drop(one);
  }
  one.lease = lease;
  one.host = lease->actor.get();
  if (one.host->taken_before(from, one.number)) return drop(one);
  if (!take_arguments(one)) {
    ++dropped_;
    return drop(one);
  }
  one.host->add(one);
  if (lease->runnable()) became_runnable(*lease);
}

bool executor::take_arguments(attempt& one) {
  one.state = attempt_state::queued;
  if (one.push.resolved_count == 0) return one.push.resolved.empty();
  wire::reader in{one.push.resolved};
  for (std::uint32_t i = 0; i < one.push.resolved_count && !in.failed(); ++i)
    one.resolved.push_back(wire::decode_part<wire::resolved_argument>(in));
  if (!in.finished()) return false;
  // Behind others they have time. Calls of an actor don't: they hold back others of their caller.
  const lease_slot& lease = *one.lease;
  const bool ahead =
      !one.host && (running_ != nullptr || !lease.queued.empty() || !lease.fetching.empty());
  fetcher_.take(one, ahead);
  if (one.fetches_left != 0) one.state = attempt_state::fetching;
  return true;
}

void executor::on_fetched(const wire::store_fetched& answer) {
  const auto [one, argument] = fetcher_.fetched(answer);
  if (!one) return;
  lease_slot& lease = *one->lease;
  if (!answer.error.empty()) {
    if (one->host) {
      // A call takes its turn by failing, so that those behind it can go on.
      one->host->remove_waiting(*one);
      fail(*one, answer.error);
      if (lease.runnable()) became_runnable(lease);
      return end_actor_when_done(lease);
    }
    // The owner knows best: of another copy, or how to make the argument again.
    lease.fetching.remove(*one);
    if (one->kind == attempt_kind::creation) lease.actor.reset();
    give_back_for(*one, *argument, answer.error);
    // Those behind one that was being brought back may begin.
    if (lease.runnable()) became_runnable(lease);
    return;
  }
  if (one->fetches_left != 0) return;
  one->state = attempt_state::queued;
  if (one->host) {
    one->host->fetched(*one);
  } else {
    lease.fetching.remove(*one);
    one->returning ? lease.queued.push_front(*one) : lease.queued.push_back(*one);
  }
  if (lease.returning == one) lease.returning = nullptr;
  if (lease.runnable()) became_runnable(lease);
}

void executor::on_reclaim(wire::process_id from, const wire::task_reclaim& asked) {
  wire::task_return answer;
  answer.reason = wire::return_reason::reclaimed;
  answer.lease = asked.lease;
  if (lease_slot* lease = find(asked.lease); lease && !lease->actor) {
    // Those that can't begin yet first, then the last ones that would begin.
    for (attempt_list* list : {&lease->fetching, &lease->queued}) {
      attempt* at = list->back();
      while (at && answer.tasks.size() < asked.count) {
        attempt& one = *std::exchange(at, at->previous);
        if (one.owner != from) continue;
        answer.tasks.push_back({one.push.task, one.push.attempt});
        list->remove(one);
        drop(one);
      }
    }
    if (lease->runnable()) became_runnable(*lease);
  }
  wire::send(out_, from, answer);
}

void executor::on_actor_end(const wire::actor_end& asked) {
  lease_slot* lease = find_actor(asked.actor);
  if (!lease) return;
  lease->actor->ends = true;
  end_actor_when_done(*lease);
}

void executor::on_revoke(wire::lease_id id) {
  lease_slot& lease = slot_of(id);
  close(lease);
  if (lease.actor) {
    drop_calls(*lease.actor);
    lease.actor->ends = true;
    const bool never_began = lease.actor->state == actor_state::creating && lease.begun() == 0;
    never_began ? lease.actor.reset() : end_actor_when_done(lease);
  }
  forget_if_over(lease);
}

void executor::on_cpus_grant(wire::lease_id id) {
  if (lease_slot* lease = find(id); lease && lease->cpus == cpus_state::claimed) {
    lease->cpus = cpus_state::held;
    if (held_up() || !lease->runnable()) became_blocked(*lease);
  }
}

void executor::on_retire() {
  retiring_ = true;
  for (const auto& lease : leases_) {
    if (lease->actor) continue;
    give_back_all(*lease, wire::return_reason::retiring);
  }
}

void executor::process_ended(wire::process_id process) {
  ended_.add(process);
  for (const auto& lease : leases_) {
    if (!lease->actor) {
      drop_pushed_by(process, lease->fetching);
      drop_pushed_by(process, lease->queued);
      if (lease->runnable()) became_runnable(*lease);
      continue;
    }
    // A creation is left to the lease's revocation, which comes too.
    while (attempt* call = lease->actor->take_any_of(process)) drop(*call);
    end_actor_when_done(*lease);
  }
}

void executor::drop_pushed_by(wire::process_id process, attempt_list& list) {
  for (attempt* at = list.front(); at;) {
    attempt& one = *std::exchange(at, at->next);
    if (!wire::ends_with(one.owner, process)) continue;
    list.remove(one);
    drop(one);
  }
}

void executor::drop(attempt& one) {
  fetcher_.forget(one);
  if (one.lease && one.lease->returning == &one) one.lease->returning = nullptr;
  if (one.run_here) --one.lease->guests;
  one.state = attempt_state::ended;
  pool_.give_back(one);
}

void executor::drop_calls(hosted_actor& actor) {
  while (attempt* call = actor.take_any()) {
    answer_gone(*call);
    drop(*call);
  }
}

void executor::answer_gone(const attempt& call) {
  wire::task_done answer;
  answer.status = wire::task_status::actor_is_gone;
  answer.result_count = 0;
  answer.attempt = call.push.attempt;
  answer.task = call.push.task;
  answer.lease = call.push.lease;
  wire::send(out_, call.owner, answer);
}

void executor::fail(attempt& one, wire::blob error) {
  wire::value_view value;
  value.kind = wire::value_kind::failed;
  value.bytes = error;
  std::vector<std::byte> results(wire::encoded_size(value));
  wire::writer room{results.data()};
  wire::encode_part(room, value);
  wire::task_done answer;
  answer.status = wire::task_status::failed;
  answer.attempt = one.push.attempt;
  answer.task = one.push.task;
  answer.lease = one.push.lease;
  answer.results = results;
  wire::send(out_, one.owner, answer);
  drop(one);
}

void executor::give_back(attempt& one, wire::return_reason reason) {
  wire::task_return answer;
  answer.reason = reason;
  answer.lease = one.push.lease;
  answer.tasks.push_back({one.push.task, one.push.attempt});
  wire::send(out_, one.owner, answer);
  drop(one);
}

void executor::give_back_for(attempt& one, const wire::resolved_argument& missing,
                             wire::blob error) {
  wire::task_return answer;
  answer.reason = wire::return_reason::argument_missing;
  answer.lease = one.push.lease;
  answer.tasks.push_back({one.push.task, one.push.attempt});
  answer.missing = {missing.object, error};
  wire::send(out_, one.owner, answer);
  drop(one);
}

void executor::give_back_all(lease_slot& lease, wire::return_reason reason) {
  give_back_all(lease.fetching, reason);
  give_back_all(lease.queued, reason);
}

void executor::give_back_all(attempt_list& list, wire::return_reason reason) {
  while (!list.empty()) {
    const wire::process_id owner = list.front()->owner;
    wire::task_return answer;
    answer.reason = reason;
    answer.lease = list.front()->push.lease;
    for (attempt* at = list.front(); at;) {
      attempt& one = *std::exchange(at, at->next);
      if (one.owner != owner) continue;
      answer.tasks.push_back({one.push.task, one.push.attempt});
      list.remove(one);
      drop(one);
    }
    wire::send(out_, owner, answer);
  }
}

}  // namespace mobula::core
