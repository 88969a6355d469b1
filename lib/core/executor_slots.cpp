#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "core/executor.hpp"
#include "core/invariant.hpp"
#include "wire/codec.hpp"

// Which attempt has which lease's slot.

namespace mobula::core {

lease_slot* executor::find(wire::lease_id id) {
  if (last_ && last_->id == id) return last_;
  for (const auto& lease : leases_) {
    if (lease->id == id) return last_ = lease.get();
  }
  return nullptr;
}

lease_slot* executor::find_actor(wire::object_id actor) {
  if (last_ && last_->actor && last_->actor->id() == actor) return last_;
  for (const auto& lease : leases_) {
    if (lease->actor && lease->actor->id() == actor) return last_ = lease.get();
  }
  return nullptr;
}

lease_slot& executor::slot_of(wire::lease_id id) {
  if (lease_slot* known = find(id)) return *known;
  // Nobody tells a worker that a lease was returned: when another comes, the empty ones have gone.
  std::erase_if(leases_, [](const auto& lease) { return lease->empty() && !lease->revoked; });
  leases_.push_back(std::make_unique<lease_slot>());
  leases_.back()->id = id;
  return *(last_ = leases_.back().get());
}

void executor::forget(lease_slot& lease) {
  wire::send(out_, lease.id.granter, wire::lease_over{lease.id});
  last_ = nullptr;
  std::erase_if(leases_, [&](const auto& one) { return one.get() == &lease; });
}

/// Nothing more begins in it, but for the destruction of its actor; it is over when all that has
/// begun has ended.
void executor::close(lease_slot& lease) {
  lease.revoked = true;
  give_back_all(lease.fetching, wire::return_reason::revoked);
  if (!lease.actor || lease.actor->state != actor_state::destroying) {
    give_back_all(lease.queued, wire::return_reason::revoked);
  }
}

/// Its owner would give the lease back with the last task of its own, though guests in the slot run
/// on. So it hears before that the lease is over for it, and its scheduler when it is.
void executor::leave_to_guests(lease_slot& lease, wire::process_id owner) {
  close(lease);
  wire::task_return news;
  news.reason = wire::return_reason::revoked;
  news.lease = lease.id;
  wire::send(out_, owner, news);
}

void executor::forget_if_over(lease_slot& lease) {
  if (lease.revoked && lease.empty()) forget(lease);
}

bool executor::waits_for(attempt& suspended, wire::task_id task) const {
  constexpr std::size_t few = 8;
  if (!suspended.lets_begin()) return false;
  if (suspended.awaited.size() <= few) {
    return std::any_of(suspended.awaited.begin(), suspended.awaited.end(),
                       [&](wire::object_id id) { return wire::maker_of(id) == task; });
  }
  if (suspended.awaited_sorted.empty()) {
    suspended.awaited_sorted.reserve(suspended.awaited.size());
    for (const auto id : suspended.awaited) {
      suspended.awaited_sorted.push_back(wire::maker_of(id));
    }
    std::sort(suspended.awaited_sorted.begin(), suspended.awaited_sorted.end());
  }
  return std::binary_search(suspended.awaited_sorted.begin(), suspended.awaited_sorted.end(), task);
}

/// On top of suspended attempts only what the last of them waits for may begin: anything else
/// could hold it up for longer than its own wait.
bool executor::may_begin_in(lease_slot& lease, const attempt& one) const {
  if (lease.suspended.empty() || one.run_here) return true;
  return waits_for(*lease.suspended.back(), one.push.task);
}

void executor::give_back_unrelated(lease_slot& lease) {
  for (attempt_list* list : {&lease.queued, &lease.fetching}) {
    attempt_list unrelated;
    for (attempt* at = list->front(); at;) {
      attempt& one = *at;
      at = at->next;
      if (may_begin_in(lease, one)) continue;
      list->remove(one);
      unrelated.push_back(one);
    }
    give_back_all(unrelated, wire::return_reason::blocked);
  }
}

attempt* executor::next() {
  invariant(running_ == nullptr, "one attempt of a thread runs");
  if (resumable_ != 0) {
    if (attempt* one = next_resumable()) return run(*one);
  }
  if (attempt* one = next_new()) return run(*one);
  if (suspended_ != 0) {
    for (const auto& lease : leases_) {
      ask_run_here(*lease);
      lease->looked = true;
    }
  }
  return nullptr;
}

attempt* executor::next_resumable() {
  for (const auto& lease : leases_) {
    if (!lease->has_cpus()) continue;
    attempt* one = lease->resumable.front();
    if (!one) continue;
    lease->resumable.remove(*one);
    --resumable_;
    return one;
  }
  return nullptr;
}

attempt* executor::next_new() {
  const std::size_t count = leases_.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (turn_ >= count) turn_ = 0;
    lease_slot& lease = *leases_[turn_++];
    if (!lease.has_cpus()) continue;
    if (attempt* one = next_of(lease)) return one;
  }
  return nullptr;
}

attempt* executor::next_of(lease_slot& lease) {
  if (lease.returning) return nullptr;
  while (attempt* one = lease.queued.pop_front()) {
    if (!may_begin_in(lease, *one)) {
      give_back(*one, wire::return_reason::blocked);
    } else if (begun_ >= limits_.suspended_max && one->kind == attempt_kind::task) {
      fail_nesting(*one);
    } else if (pin_arguments(*one)) {
      return one;
    } else if (lease.returning) {
      lease.fetching.push_back(*one);
      if (!lease.suspended.empty()) became_blocked(lease);
      return nullptr;
    }
  }
  if (attempt* const first = lease.fetching.front()) fetcher_.hurry(*first);
  return next_call(lease);
}

attempt* executor::next_call(lease_slot& lease) {
  while (lease.actor && lease.actor->state == actor_state::alive &&
         lease.begun() < lease.actor->max_concurrency() && begun_ < limits_.suspended_max) {
    attempt* const call = lease.actor->next();
    if (!call) return nullptr;
    if (pin_arguments(*call)) {
      lease.actor->take_next();
      return call;
    }
    // It keeps its turn while they are brought back; otherwise it has failed.
    if (lease.returning) return nullptr;
  }
  return nullptr;
}

// False: they are brought back before it can begin, or it has failed and is no more.
bool executor::pin_arguments(attempt& one) {
  switch (fetcher_.pin(one)) {
    case argument_fetcher::readiness::pinned:
      return true;
    case argument_fetcher::readiness::moved:
      one.state = attempt_state::fetching;
      one.lease->returning = &one;
      fetcher_.bring_back(one);
      return false;
    case argument_fetcher::readiness::no_pins:
      break;
  }
  lease_slot& lease = *one.lease;
  const bool creates = one.kind == attempt_kind::creation;
  if (one.host) one.host->take_next();
  fail_pins(one);
  if (creates) {
    drop_calls(*lease.actor);
    lease.actor.reset();
  }
  return false;
}

attempt* executor::run(attempt& one) {
  const bool begins = one.state == attempt_state::queued;
  one.state = attempt_state::running;
  one.lease->running = running_ = &one;
  // It runs, so it waits for its cpus no more; a lease whose cpus are lent was not chosen.
  one.lease->cpus = cpus_state::held;
  one.lease->give_back_at_ns = 0;
  if (begins) {
    if (free_board_slots_.empty()) {
      one.slot = begun_;
    } else {
      one.slot = free_board_slots_.back();
      free_board_slots_.pop_back();
    }
    ++begun_;
    if (one.kind != attempt_kind::destruction) board_.begun(one);
  } else if (one.kind != attempt_kind::destruction) {
    board_.resumed(one);
  }
  if (waiting_threads_ != 0) hold_up();
  return &one;
}

void executor::suspend(attempt& running, const awaiting& what) {
  invariant(running_ == &running, "only the running attempt is suspended");
  running.asked = 0;
  running.awaited.assign(what.objects.begin(), what.objects.end());
  running.list = what.list;
  running.needed = what.needed;
  running.limited = what.limited;
  running.wait = ++waits_;
  lease_slot& lease = *running.lease;
  running.state = attempt_state::suspended;
  running_ = lease.running = nullptr;
  lease.suspended.push_back(running);
  ++suspended_;
  if (running.kind != attempt_kind::destruction) board_.suspended(running);
  if (!lease.actor) give_back_unrelated(lease);
  became_blocked(lease);
  if (waiting_threads_ != 0) let_go();
}

void executor::wake(attempt& suspended) {
  if (suspended.state != attempt_state::suspended) return;
  lease_slot& lease = *suspended.lease;
  lease.suspended.remove(suspended);
  --suspended_;
  suspended.state = attempt_state::resumable;
  suspended.awaited.clear();
  suspended.list = nullptr;
  suspended.awaited_sorted.clear();
  lease.resumable.push_back(suspended);
  ++resumable_;
  became_runnable(lease);
}

void executor::finish(attempt& running, const outcome& how) {
  invariant(running_ == &running, "only the running attempt ends");
  lease_slot& lease = *running.lease;
  const attempt_kind kind = running.kind;
  const bool leaves = !lease.actor && !lease.revoked && !running.run_here;
  if (leaves && lease.has_only_guests()) leave_to_guests(lease, running.owner);
  if (kind != attempt_kind::destruction) {
    wire::task_done answer;
    answer.status = how.status;
    answer.result_count = how.result_count;
    answer.attempt = running.push.attempt;
    answer.task = running.push.task;
    answer.lease = running.push.lease;
    answer.results = how.results;
    answer.held = how.held;
    wire::send(out_, running.owner, answer);
    board_.ended(running);
  }
  free_board_slots_.push_back(running.slot);
  --begun_;
  if (begun_ == 0) free_board_slots_.clear();
  running_ = lease.running = nullptr;
  running.state = attempt_state::ended;
  if (running.run_here) --lease.guests;
  fetcher_.forget(running);
  pool_.give_back(running);
  if (waiting_threads_ != 0) let_go();

  if (kind == attempt_kind::destruction) {
    lease.actor.reset();
    return forget(lease);
  }
  if (kind == attempt_kind::creation) {
    return creation_ended(lease, how.status == wire::task_status::done);
  }
  if (lease.actor) return end_actor_when_done(lease);
  if (!lease.suspended.empty()) became_blocked(lease);
  if (lease.revoked) forget_if_over(lease);
}

void executor::creation_ended(lease_slot& lease, bool made) {
  if (made) {
    lease.actor->state = actor_state::alive;
    return end_actor_when_done(lease);
  }
  drop_calls(*lease.actor);
  lease.actor.reset();
  // Its owner returns the lease when it hears. Were we to end it, and die, nobody would tell the
  // owner if the answer is lost. An empty slot goes when another comes.
  forget_if_over(lease);
}

void executor::end_actor_when_done(lease_slot& lease) {
  hosted_actor& actor = *lease.actor;
  if (lease.begun() == 0 && actor.ends && actor.state == actor_state::alive && actor.drained()) {
    attempt& destruction = pool_.take({});
    destruction.kind = attempt_kind::destruction;
    destruction.push = {};
    destruction.actor = actor.id();
    destruction.lease = &lease;
    destruction.host = &actor;
    actor.state = actor_state::destroying;
    lease.queued.push_back(destruction);
    return became_runnable(lease);
  }
  if (!lease.suspended.empty()) became_blocked(lease);
}

/// Tasks beyond the limit fail rather than wait: those that wait below may wait for just them.
void executor::fail_nesting(attempt& one) {
  wire::error_value error;
  error.code = wire::error_code::nesting_limit;
  error.process = self_;
  error.function = one.push.name;
  error.what = "not begun: " + std::to_string(begun_) +
               " tasks of this process have begun and wait for others, which is the limit. Wait "
               "for fewer tasks inside tasks, or start the job with more workers.";
  std::vector<std::byte> encoded(wire::encoded_size(error));
  wire::writer text{encoded.data()};
  wire::encode_part(text, error);
  fail(one, encoded);
}

void executor::fail_pins(attempt& one) {
  fail(one, encoded(make_error(wire::error_code::internal, self_,
                               "not begun: this process reads so many objects in place that it "
                               "can't mark the task's arguments too: let go of views")));
}

void executor::ask_run_here(lease_slot& lease) {
  if (lease.actor || lease.revoked || lease.suspended.empty() || lease.running) return;
  if (!lease.has_cpus() || lease.runnable()) return;
  // A look at many that can't be had now would cost more than it brings: their owner asks for
  // leases for them meanwhile.
  constexpr int looks_max = 64;
  attempt& blocked = *lease.suspended.back();
  if (!blocked.lets_begin()) return;
  std::size_t at = blocked.asked;
  for (int looks = 0; at < blocked.awaited.size() && looks < looks_max; ++at) {
    const auto reply = source_.run_here(blocked.awaited[at], lease.id, blocked.push.shape);
    if (reply.what == run_here_source::answer::pushed) {
      lease.expected = reply.task;
      return;
    }
    if (reply.what == run_here_source::answer::never && at == blocked.asked) {
      ++blocked.asked;
    } else {
      ++looks;
    }
  }
}

void executor::became_runnable(lease_slot& lease) {
  if (held_up()) return;
  if (lease.cpus == cpus_state::lent) {
    lease.cpus = cpus_state::claimed;
    wire::send(out_, lease.id.granter, wire::cpus_claim{lease.id});
  } else if (lease.cpus != cpus_state::claimed) {
    lease.cpus = cpus_state::held;
  }
}

bool executor::is_blocked(const lease_slot& lease) const {
  if (held_up()) return lease.begun() != 0;
  return !lease.running && !lease.suspended.empty() && lease.resumable.empty();
}

void executor::became_blocked(lease_slot& lease) {
  if (!lease.lends || lease.cpus != cpus_state::held || !is_blocked(lease)) return;
  lease.cpus = cpus_state::waiting_fresh;
  lease.looked = false;
}

void executor::tick(std::uint64_t now_ns) {
  if (may_lend()) {
    for (const auto& lease : leases_) lend_when_due(*lease, now_ns);
  }
  if (shares_thread()) {
    for (const auto& lease : leases_) give_back_when_due(*lease, now_ns);
  }
}

bool executor::waits_for_thread(const lease_slot& lease) const {
  return running_->lease != &lease && !lease.actor && !lease.queued.empty() && lease.begun() == 0;
}

void executor::give_back_when_due(lease_slot& lease, std::uint64_t now_ns) {
  if (!waits_for_thread(lease)) {
    lease.give_back_at_ns = 0;
  } else if (lease.give_back_at_ns == 0) {
    lease.give_back_at_ns = now_ns + limits_.give_back_after_ns;
  } else if (now_ns >= lease.give_back_at_ns) {
    lease.give_back_at_ns = 0;
    give_back_all(lease, wire::return_reason::blocked);
  }
}

void executor::lend_when_due(lease_slot& lease, std::uint64_t now_ns) {
  if (lease.cpus != cpus_state::waiting_fresh && lease.cpus != cpus_state::waiting) return;
  if (!is_blocked(lease)) {
    lease.cpus = cpus_state::held;
  } else if (lease.cpus == cpus_state::waiting_fresh ||
             (!held_up() && (lease.runnable() || !lease.looked))) {
    // Not before the thread that runs attempts, which may be late, has seen what it could run.
    lease.cpus = cpus_state::waiting;
    lease.lend_at_ns = now_ns + limits_.lend_after_ns;
  } else if (now_ns >= lease.lend_at_ns) {
    lease.cpus = cpus_state::lent;
    wire::send(out_, lease.id.granter, wire::cpus_lend{lease.id, !held_up()});
  }
}

std::uint64_t executor::next_deadline_ns() const {
  std::uint64_t earliest = std::numeric_limits<std::uint64_t>::max();
  const bool lends = may_lend();
  const bool gives_back = shares_thread();
  if (!lends && !gives_back) return earliest;
  for (const auto& lease : leases_) {
    if (lends && lease->cpus == cpus_state::waiting_fresh) return 0;
    if (lends && lease->cpus == cpus_state::waiting)
      earliest = std::min(earliest, lease->lend_at_ns);
    // 0 where the next tick is the first to see it.
    if (gives_back && waits_for_thread(*lease))
      earliest = std::min(earliest, lease->give_back_at_ns);
  }
  return earliest;
}

}  // namespace mobula::core
