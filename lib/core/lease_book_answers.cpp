// What schedulers and workers answer to the requests and pushes of an owner.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/lease_book.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::process_id;

bool lease_book::on_message(process_id from, wire::blob message) {
  switch (wire::type_of(message)) {
    case wire::message_type::lease_grant:
      if (const auto m = wire::decode<wire::lease_grant>(message)) on_grant(from, *m);
      return true;
    case wire::message_type::lease_refuse:
      if (const auto m = wire::decode<wire::lease_refuse>(message); m && from.is_scheduler())
        on_refuse(*m);
      return true;
    case wire::message_type::lease_queued:
      if (const auto m = wire::decode<wire::lease_queued>(message)) on_queued(from, *m);
      return true;
    case wire::message_type::lease_recall:
      if (const auto m = wire::decode<wire::lease_recall>(message)) {
        if (held_lease* lease = find(m->lease); lease && !lease->own) {
          lease->recalled = true;
          touch(*lease);
        }
      }
      return true;
    case wire::message_type::lease_lost:
      if (const auto m = wire::decode<wire::lease_lost>(message)) on_lost(*m);
      return true;
    case wire::message_type::task_return:
      if (const auto m = wire::decode<wire::task_return>(message)) on_return(*m);
      return true;
    default:
      return false;
  }
}

void lease_book::on_grant(process_id from, const wire::lease_grant& grant) {
  // Nobody grants another's lease, or one twice.
  if (from != grant.lease.granter || leases_.contains(grant.lease)) return;
  if (const auto found = creations_.find(grant.request); found != creations_.end()) {
    task& creation = *found->second.what;
    creations_.erase(found);
    creation.number = 0;
    return push(creation, hold(grant.lease, grant.worker, *creation.demand));
  }
  const auto found = requests_.find(grant.request);
  // Granted when it was no longer wanted.
  if (found == requests_.end())
    return wire::send(out_, grant.lease.granter, wire::lease_return{grant.lease});
  shape& of = *found->second;
  if (of.requested != 0 && --of.requested == 0) {
    // It may have been raised where all of it was granted by then, or counted twice.
    if (!of.asked_too.empty() || !of.asked_before.empty()) of.asked_too.push_back(of.asked);
    request_ended(of);
  }
  held_lease& lease = hold(grant.lease, grant.worker, of);
  lease.mark_ns = now_ns_;
  open_if_room(lease);
  mark_dirty(of);
  if (!of.ready.empty()) return;
  // Nothing is ready any more, but perhaps something waits behind a long task.
  for (held_lease* other : watched_) {
    if (other->of == &of && !other->in_flight.empty() && wants_watching(*other) &&
        other->resting_since_ns != 0 && now_ns_ - other->resting_since_ns >= limits_.stuck_after_ns)
      return relieve(*other);
  }
}

void lease_book::on_queued(process_id from, const wire::lease_queued& queued) {
  const auto found = requests_.find(queued.request);
  if (found == requests_.end()) {
    if (queued.count == 0) return;
    if (const auto creation = creations_.find(queued.request); creation != creations_.end()) {
      creation->second.asked = from;
    } else {
      wire::send(out_, from, wire::lease_update{self_, queued.request, 0});
    }
    return;
  }
  shape& of = *found->second;
  if (queued.count == 0) {
    // An update found nothing waiting any more: what is still wanted is asked for anew, by another
    // number, since answers to other updates by this one may follow. What was granted of it and is
    // under way is welcome.
    if (queued.request != of.request) return;
    if (of.asked != from) of.asked_too.push_back(of.asked);
    of.asked_before.push_back(std::exchange(of.request, 0));
    of.requested = 0;
    return mark_dirty(of);
  }
  if (of.asked == from) return;
  std::erase(of.asked_too, from);
  // Of what was asked before a part waits there still.
  const bool is_latest = queued.request == of.request;
  of.asked_too.push_back(is_latest ? std::exchange(of.asked, from) : from);
}

void lease_book::on_refuse(const wire::lease_refuse& refuse) {
  if (const auto found = creations_.find(refuse.request); found != creations_.end()) {
    task& creation = *found->second.what;
    creations_.erase(found);
    creation.number = 0;
    return fail_(creation, refuse.error);
  }
  const auto found = requests_.find(refuse.request);
  if (found == requests_.end()) return;
  shape& of = *found->second;
  request_ended(of);
  const std::vector<std::byte> error{refuse.error.begin(), refuse.error.end()};
  while (!of.ready.empty()) fail_(*of.ready.front(), error);
}

void lease_book::on_lost(const wire::lease_lost& lost) {
  // Out of the book first: what fails below must not find the lease and give it back.
  const auto node = leases_.extract(lost.lease);
  if (!node) return;
  held_lease& lease = *node.mapped();
  const bool of_actor = lease.of->key.kind == wire::lease_kind::actor;
  const auto error = encoded(make_error(
      of_actor ? wire::error_code::actor_died : wire::error_code::worker_died, lost.worker,
      name_of(lost.worker) + " ended while it ran " +
          (of_actor ? "the actor's constructor: " : "the task: ") + std::string{lost.cause}));
  if (of_actor && on_actor_lost) on_actor_lost(lease, lost.cause);
  const auto ran = [&](const task& one) {
    const auto begun = std::ranges::find(lost.begun, one.id(), &wire::lease_lost::entry::task);
    return begun != lost.begun.end() && begun->attempt == one.attempt;
  };
  task* near = nullptr;
  for (task* at = lease.in_flight.front(); at;) {
    task& one = *std::exchange(at, at->next);
    if (ran(one) || one.what == task::kind::creation) continue;
    requeue(one, near);
    near = &one;
  }
  while (!lease.in_flight.empty()) fail_(*lease.in_flight.front(), error);
  mark_dirty(*lease.of);
  unlist(lease);
}

void lease_book::on_node_ended(wire::node_id node) {
  std::vector<wire::lease_lost> lost;
  for (const auto& [id, lease] : leases_) {
    if (lease->own || lease->worker.node() != node) continue;
    wire::lease_lost& one = lost.emplace_back();
    one.lease = id;
    one.worker = lease->worker;
    one.cause = "its node has ended";
    for (const task* each = lease->in_flight.front(); each; each = each->next)
      one.begun.push_back({each->id(), each->attempt, wire::begun_state::running});
  }
  for (const auto& one : lost) on_lost(one);
  // Any request, or a part of it, may have waited there: all are made anew.
  for (const auto& [number, of] : std::unordered_map{requests_}) {
    if (of->request != 0) set_requested(*of, 0);
    mark_dirty(*of);
  }
  for (const auto& [number, creation] : std::exchange(creations_, {})) {
    wire::send(out_, creation.asked, wire::lease_update{self_, number, 0});
    ask_for_creation(*creation.what);
  }
}

void lease_book::on_return(const wire::task_return& back) {
  held_lease* lease = find(back.lease);
  if (!lease) return;
  if (back.reason == wire::return_reason::reclaimed) {
    lease->reclaiming = false;
    lease->all_begun = true;
  }
  if (back.reason == wire::return_reason::blocked) lease->blocked = true;
  task* near = nullptr;
  for (const auto& entry : back.tasks) {
    task* one = lease->in_flight.front();
    while (one && (one->id() != entry.task || one->attempt != entry.attempt)) one = one->next;
    if (!one) continue;
    if (back.reason == wire::return_reason::argument_missing) {
      // Making it again is not for now.
      fail_(*one, back.missing.error);
      // A creation that fails gives its lease back.
      lease = find(back.lease);
      if (!lease) return;
    } else {
      requeue(*one, near);
      near = one;
    }
  }
  const bool over =
      back.reason == wire::return_reason::revoked || back.reason == wire::return_reason::retiring;
  if (over) {
    mark_dirty(*lease->of);
    if (lease->in_flight.empty()) return forget(*lease);
    lease->over = true;
  }
  // Nothing of ours will end there and make it of use again: another may be granted elsewhere.
  if (back.reason == wire::return_reason::blocked && !lease->own && lease->in_flight.empty())
    return give_back(*lease);
  touch(*lease);
}

std::optional<wire::wait_point> lease_book::request_of(const task& ready) const {
  wire::wait_point point{
      .kind = wire::wait_kind::request, .by = self_, .demand = ready.demand->key.demand};
  if (ready.what == task::kind::creation) {
    const auto found = creations_.find(ready.number);
    if (found == creations_.end()) return std::nullopt;
    point.asked = found->second.asked;
    point.number = ready.number;
  } else {
    if (ready.demand->request == 0) return std::nullopt;
    point.asked = ready.demand->asked;
    point.number = ready.demand->request;
  }
  return point;
}

}  // namespace mobula::core
