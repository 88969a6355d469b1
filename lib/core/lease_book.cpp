#include "core/lease_book.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/errors.hpp"
#include "core/invariant.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::process_id;

namespace {

std::string key_bytes(const demand_key& key) {
  wire::lease_request named;
  named.kind = key.kind;
  named.demand = key.demand;
  named.held = key.held;
  std::string bytes(wire::encoded_size(named), '\0');
  wire::writer room{std::as_writable_bytes(std::span{bytes}).data()};
  wire::encode_part(room, named);
  return bytes;
}

// Names a demand alike in every process (FNV-1a).
std::uint64_t number_of(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char one : key) {
    hash = (hash ^ static_cast<unsigned char>(one)) * 0x100000001b3U;
  }
  return hash;
}

}  // namespace

lease_book::lease_book(process_id self, wire::outbox& out, limits named, pusher push, failer fail)
    : self_{self}, out_{out}, limits_{named}, push_{std::move(push)}, fail_{std::move(fail)} {}
lease_book::~lease_book() = default;

shape& lease_book::shape_for(const demand_key& key) {
  auto bytes = key_bytes(key);
  const std::uint64_t number = number_of(bytes);
  auto& found = shapes_[std::move(bytes)];
  if (!found) {
    found = std::make_unique<shape>();
    found->key = key;
    found->number = number;
  }
  return *found;
}

void lease_book::enqueue(task& ready) {
  ready.where = task::phase::ready;
  if (ready.what == task::kind::creation) return ask_for_creation(ready);
  ready.number = ++ready.demand->last_number;
  ready.demand->ready.push_back(ready);
}

void lease_book::ask_for_creation(task& creation) {
  creation.request = next_request_++;
  wire::lease_request request;
  request.owner = self_;
  request.request = creation.request;
  request.kind = wire::lease_kind::actor;
  request.demand = creation.demand->key.demand;
  request.held = creation.demand->key.held;
  const auto asked = process_id::scheduler_of(self_.node());
  creations_[creation.request] = {&creation, asked};
  wire::send(out_, asked, request);
}

void lease_book::pump(shape& one) {
  while (!one.ready.empty() && !one.open.empty()) {
    if (one.next_open >= one.open.size()) one.next_open = 0;
    held_lease& lease = *one.open[one.next_open];
    task& next = *one.ready.front();
    one.ready.remove(next);
    push(next, lease);
    if (lease.in_flight.size() >= lease.window) {
      close(lease);
    } else {
      ++one.next_open;
    }
  }
  ask(one);
}

void lease_book::push(task& next, held_lease& lease) {
  if (lease.in_flight.size() <= 1) lease.resting_since_ns = 0;
  lease.all_begun = false;
  next.where = task::phase::pushed;
  next.lease = &lease;
  if (lease.in_flight.empty()) {
    lease.mark_ns = now_ns_;
    lease.completed = 0;
  }
  lease.in_flight.push_back(next);
  push_(next, lease);
}

bool lease_book::push_here(task& ready, wire::lease_id id, std::uint64_t shape_number) {
  if (ready.where != task::phase::ready || ready.what != task::kind::plain) return false;
  if (ready.demand->number != shape_number) return false;
  ready.demand->ready.remove(ready);
  auto& slot = leases_[id];
  if (!slot) {
    slot = std::make_unique<held_lease>();
    slot->id = id;
    slot->worker = self_;
    slot->of = ready.demand;
    slot->own = true;
  }
  push(ready, *slot);
  mark_dirty(*ready.demand);
  return true;
}

// Raised when much more is ready than was asked for, taken back when nothing is.
void lease_book::ask(shape& one) {
  const auto ready =
      static_cast<std::uint32_t>(std::min<std::size_t>(one.ready.size(), limits_.request_max));
  if (ready == 0) {
    if (one.requested != 0) set_requested(one, 0);
  } else if (one.requested == 0 ||
             (ready >= 2 * one.requested && one.requested < limits_.request_max)) {
    set_requested(one, ready);
  }
}

void lease_book::set_requested(shape& one, std::uint32_t count) {
  if (one.request != 0) {
    one.requested = count;
    wire::send(out_, one.asked, wire::lease_update{self_, one.request, count});
    if (count == 0) {
      requests_.erase(one.request);
      one.request = 0;
    }
    return;
  }
  one.request = next_request_++;
  one.requested = count;
  one.asked = process_id::scheduler_of(self_.node());
  requests_[one.request] = &one;
  wire::lease_request request;
  request.owner = self_;
  request.request = one.request;
  request.count = count;
  request.kind = one.key.kind;
  request.demand = one.key.demand;
  request.held = one.key.held;
  std::uint64_t most = 0;
  const task& head = *one.ready.front();
  for (std::uint32_t i = 0; i < head.ref_count; ++i) {
    const object& given = *head.refs[i].ref;
    if (given.state.load() != object_state::stored || given.where().size_bytes <= most) continue;
    most = given.where().size_bytes;
    request.preferred = given.where().node;
  }
  wire::send(out_, one.asked, request);
}

void lease_book::ended(task& one) {
  held_lease& lease = *one.lease;
  lease.in_flight.remove(one);
  one.lease = nullptr;
  ++lease.completed;
  lease.resting_since_ns = 0;
  lease.blocked = false;
  touch(lease);
}

void lease_book::withdraw(task& one) {
  if (one.lease) {
    held_lease& lease = *one.lease;
    lease.in_flight.remove(one);
    one.lease = nullptr;
    touch(lease);
  } else if (one.where == task::phase::ready && one.what == task::kind::plain) {
    one.demand->ready.remove(one);
    mark_dirty(*one.demand);
  } else if (one.what == task::kind::creation && one.request != 0) {
    creations_.erase(one.request);
    one.request = 0;
  }
}

void lease_book::touch(held_lease& lease) {
  if (lease.touched) return;
  lease.touched = true;
  touched_.push_back(&lease);
}

void lease_book::mark_dirty(shape& one) {
  if (one.dirty) return;
  one.dirty = true;
  dirty_.push_back(&one);
}

void lease_book::open_if_room(held_lease& lease) {
  const bool room = !lease.own && !lease.over && !lease.recalled && !lease.blocked &&
                    !lease.reclaiming && lease.of->key.kind == wire::lease_kind::task &&
                    lease.in_flight.size() < lease.window;
  if (!room) return close(lease);
  if (lease.open) return;
  lease.open = true;
  lease.of->open.push_back(&lease);
}

void lease_book::close(held_lease& lease) {
  if (!lease.open) return;
  lease.open = false;
  std::erase(lease.of->open, &lease);
}

void lease_book::adjust_window(held_lease& lease) {
  if (lease.completed == 0) return;
  const std::uint64_t took = now_ns_ - std::min(now_ns_, lease.mark_ns);
  const std::uint64_t each = took / lease.completed;
  const bool was_full = lease.in_flight.size() + lease.completed >= lease.window;
  if (was_full && each * lease.window < limits_.window_target_ns) {
    lease.window = std::min(lease.window * 2, limits_.window_max);
  } else if (each * lease.window > 4 * limits_.window_target_ns) {
    lease.window = static_cast<std::uint32_t>(
        std::max<std::uint64_t>(1, limits_.window_target_ns / std::max<std::uint64_t>(1, each)));
    lease.window = std::min(lease.window, limits_.window_max);
  }
  lease.mark_ns = now_ns_;
  lease.completed = 0;
}

void lease_book::flush() {
  if (touched_.empty() && dirty_.empty()) return;
  // What is touched meanwhile waits for the next time. Both lists keep their memory.
  touched_now_.swap(touched_);
  for (held_lease* lease : touched_now_) {
    lease->touched = false;
    adjust_window(*lease);
    mark_dirty(*lease->of);
    if (lease->in_flight.empty() && (lease->own || lease->over || lease->recalled)) {
      if (lease->own || lease->over) {
        forget(*lease);
      } else {
        give_back(*lease);
      }
      continue;
    }
    open_if_room(*lease);
  }
  touched_now_.clear();
  dirty_now_.swap(dirty_);
  for (shape* one : dirty_now_) {
    one->dirty = false;
    pump(*one);
  }
  dirty_now_.clear();
}

void lease_book::give_back(held_lease& lease) {
  wire::send(out_, lease.id.granter, wire::lease_return{lease.id});
  forget(lease);
}

void lease_book::forget(held_lease& lease) {
  unlist(lease);
  leases_.erase(wire::lease_id{lease.id});
}

void lease_book::unlist(held_lease& lease) {
  close(lease);
  if (lease.touched) std::erase(touched_, &lease);
  std::erase(lease.of->leases, &lease);
}

void lease_book::creation_failed(wire::lease_id id) {
  if (held_lease* lease = find(id)) give_back(*lease);
}

void lease_book::actor_over(wire::lease_id id) {
  if (held_lease* lease = find(id)) forget(*lease);
}

// What was submitted first begins first, whoever gives it back and when: the first may be what the
// others' submitter waits for.
void lease_book::requeue(task& one, task* near) {
  one.lease->in_flight.remove(one);
  one.lease = nullptr;
  ++one.attempt;
  one.where = task::phase::ready;
  one.demand->ready.insert(one, near);
  mark_dirty(*one.demand);
}

// Somebody is idle, or will be asked for; otherwise what waits there waits as well as anywhere.
bool lease_book::may_reclaim(const held_lease& stuck) {
  return stuck.of->requested == 0 || std::ranges::any_of(stuck.of->open, [](const held_lease* one) {
           return one->in_flight.empty();
         });
}

// What waits behind a long task goes to workers that have nothing to do.
void lease_book::relieve(held_lease& stuck) {
  stuck.window = 1;
  close(stuck);
  if (may_reclaim(stuck)) {
    stuck.reclaiming = true;
    const auto behind = static_cast<std::uint32_t>(stuck.in_flight.size() - 1);
    wire::send(out_, stuck.worker, wire::task_reclaim{stuck.id, behind});
  }
}

// A lease's rest is measured from the first tick that finds it so: between ticks the clock stands
// still, however long the process slept or was busy elsewhere.
void lease_book::tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  if (now_ns_ < next_look_ns_) return;
  next_look_ns_ = now_ns_ + limits_.look_every_ns;
  std::vector<held_lease*> idle;
  for (auto& [id, lease] : leases_) {
    if (!is_watched(*lease)) continue;
    if (lease->resting_since_ns == 0) {
      lease->resting_since_ns = now_ns_;
      continue;
    }
    const std::uint64_t resting = now_ns_ - lease->resting_since_ns;
    if (!lease->in_flight.empty()) {
      if (resting >= limits_.stuck_after_ns && !lease->reclaiming) relieve(*lease);
    } else if (resting >= limits_.keep_idle_ns && lease->of->ready.empty()) {
      idle.push_back(lease.get());
    }
  }
  for (held_lease* lease : idle) give_back(*lease);
}

// Leases of tasks that are idle, or on which something waits behind a task.
bool lease_book::is_watched(const held_lease& lease) {
  if (lease.own || lease.of->key.kind == wire::lease_kind::actor) return false;
  return lease.in_flight.empty() ||
         (lease.in_flight.size() > 1 && !lease.reclaiming && !lease.all_begun);
}

// Never where a tick would change nothing until something else happens: who sleeps until then would
// wake at once, again and again.
std::uint64_t lease_book::due_ns(const held_lease& watched) const {
  constexpr auto never = std::numeric_limits<std::uint64_t>::max();
  if (watched.resting_since_ns == 0) return next_look_ns_;
  if (watched.in_flight.empty()) {
    // With tasks that are ready it is closed, and waits for its worker's answer.
    if (!watched.of->ready.empty()) return never;
    return std::max(next_look_ns_, watched.resting_since_ns + limits_.keep_idle_ns);
  }
  const bool was_relieved = watched.window == 1 && !watched.open;
  if (was_relieved && !may_reclaim(watched)) return never;
  return std::max(next_look_ns_, watched.resting_since_ns + limits_.stuck_after_ns);
}

std::uint64_t lease_book::next_deadline_ns() const {
  std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [id, lease] : leases_) {
    if (is_watched(*lease)) next = std::min(next, due_ns(*lease));
  }
  return next;
}

held_lease* lease_book::find(wire::lease_id id) {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : found->second.get();
}

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
    creation.request = 0;
    auto& lease = leases_[grant.lease];
    lease = std::make_unique<held_lease>();
    lease->id = grant.lease;
    lease->worker = grant.worker;
    lease->of = creation.demand;
    return push(creation, *lease);
  }
  const auto found = requests_.find(grant.request);
  // Granted when it was no longer wanted.
  if (found == requests_.end())
    return wire::send(out_, grant.lease.granter, wire::lease_return{grant.lease});
  shape& of = *found->second;
  if (of.requested != 0 && --of.requested == 0) {
    requests_.erase(found);
    of.request = 0;
  }
  auto& lease = leases_[grant.lease];
  lease = std::make_unique<held_lease>();
  lease->id = grant.lease;
  lease->worker = grant.worker;
  lease->of = &of;
  lease->mark_ns = now_ns_;
  of.leases.push_back(lease.get());
  open_if_room(*lease);
  mark_dirty(of);
  if (!of.ready.empty()) return;
  // Nothing is ready any more, but perhaps something waits behind a long task.
  for (held_lease* other : of.leases) {
    if (!other->in_flight.empty() && is_watched(*other) && other->resting_since_ns != 0 &&
        now_ns_ - other->resting_since_ns >= limits_.stuck_after_ns)
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
  if (queued.count != 0) {
    of.asked = from;
    return;
  }
  // An update found nothing waiting any more: what is still wanted is asked for anew.
  requests_.erase(found);
  of.request = 0;
  of.requested = 0;
  mark_dirty(of);
}

void lease_book::on_refuse(const wire::lease_refuse& refuse) {
  if (const auto found = creations_.find(refuse.request); found != creations_.end()) {
    task& creation = *found->second.what;
    creations_.erase(found);
    creation.request = 0;
    return fail_(creation, refuse.error);
  }
  const auto found = requests_.find(refuse.request);
  if (found == requests_.end()) return;
  shape& of = *found->second;
  requests_.erase(found);
  of.request = 0;
  of.requested = 0;
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
  if (lease.of->key.kind == wire::lease_kind::actor && on_actor_lost)
    on_actor_lost(lease, lost.cause);
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
    set_requested(*of, 0);
    mark_dirty(*of);
  }
  for (const auto& [number, creation] : std::exchange(creations_, {})) {
    wire::send(out_, process_id::scheduler_of(self_.node()), wire::lease_update{self_, number, 0});
    ask_for_creation(*creation.what);
  }
}

// Making it again is not for now: it comes from another copy, or its task fails as its fetch did.
void lease_book::argument_missing(task& one, held_lease& lease, const wire::task_return& back) {
  const bool again = ++one.returns_for_argument <= limits_.returns_for_argument_max &&
                     on_argument_missing && on_argument_missing(one, back.missing);
  if (!again) return fail_(one, back.missing.error);
  if (one.what != task::kind::creation) return requeue(one, nullptr);
  // It has the lease to itself.
  lease.in_flight.remove(one);
  ++one.attempt;
  push(one, lease);
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
      argument_missing(*one, *lease, back);
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
    const auto found = creations_.find(ready.request);
    if (found == creations_.end()) return std::nullopt;
    point.asked = found->second.asked;
    point.number = ready.request;
  } else {
    if (ready.demand->request == 0) return std::nullopt;
    point.asked = ready.demand->asked;
    point.number = ready.demand->request;
  }
  return point;
}

}  // namespace mobula::core
