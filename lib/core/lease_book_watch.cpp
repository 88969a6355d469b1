// How leases fare while nothing comes: those that rest are given back, those that are stuck
// relieved.

#include <algorithm>
#include <limits>
#include <vector>

#include "core/lease_book.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

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

// What shapes ask for that have tasks ready.
resource_set lease_book::wanted_kinds() const {
  resource_set all = 0;
  for (const auto& [number, of] : requests_)
    if (of->requested != 0) all |= kinds_of(of->key.demand);
  return all;
}

std::uint64_t lease_book::keep_ns(const held_lease& idle, resource_set wanted) const {
  return (kinds_of(idle.of->key.held) & wanted) != 0 ? limits_.yield_idle_ns : limits_.keep_idle_ns;
}

// A lease's rest is measured from the first tick that finds it so: between ticks the clock stands
// still, however long the process slept or was busy elsewhere.
void lease_book::tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  if (now_ns_ < next_look_ns_) return;
  next_look_ns_ = now_ns_ + limits_.look_every_ns;
  std::vector<held_lease*> idle;
  const resource_set wanted = wanted_kinds();
  for (std::size_t i = watched_.size(); i-- != 0;) {
    held_lease* const lease = watched_[i];
    if (!wants_watching(*lease)) {
      watched_.remove(*lease);
      continue;
    }
    if (lease->resting_since_ns == 0) {
      lease->resting_since_ns = now_ns_;
      continue;
    }
    const std::uint64_t resting = now_ns_ - lease->resting_since_ns;
    if (!lease->in_flight.empty()) {
      if (resting >= limits_.stuck_after_ns && !lease->reclaiming) relieve(*lease);
    } else if (resting >= keep_ns(*lease, wanted) && lease->of->ready.empty()) {
      idle.push_back(lease);
    }
  }
  for (held_lease* lease : idle) give_back(*lease);
}

// Leases of tasks that are idle, or on which something waits behind a task.
bool lease_book::wants_watching(const held_lease& lease) {
  if (lease.own || lease.of->key.kind == wire::lease_kind::actor) return false;
  return lease.in_flight.empty() ||
         (lease.in_flight.size() > 1 && !lease.reclaiming && !lease.all_begun);
}

void lease_book::watch(held_lease& lease) {
  if (wants_watching(lease)) watched_.add(lease);
}

// Never where a tick would change nothing until something else happens: who sleeps until then would
// wake at once, again and again.
std::uint64_t lease_book::due_ns(const held_lease& watched, resource_set wanted) const {
  constexpr auto never = std::numeric_limits<std::uint64_t>::max();
  if (watched.resting_since_ns == 0) return next_look_ns_;
  if (watched.in_flight.empty()) {
    // With tasks that are ready it is closed, and waits for its worker's answer.
    if (!watched.of->ready.empty()) return never;
    return std::max(next_look_ns_, watched.resting_since_ns + keep_ns(watched, wanted));
  }
  const bool was_relieved = watched.window == 1 && !watched.open.is_set();
  if (was_relieved && !may_reclaim(watched)) return never;
  return std::max(next_look_ns_, watched.resting_since_ns + limits_.stuck_after_ns);
}

std::uint64_t lease_book::next_deadline_ns() const {
  std::uint64_t next = std::numeric_limits<std::uint64_t>::max();
  const resource_set wanted = wanted_kinds();
  for (const held_lease* lease : watched_) {
    if (wants_watching(*lease)) next = std::min(next, due_ns(*lease, wanted));
    if (next <= next_look_ns_) break;  // none is due sooner
  }
  return next;
}

}  // namespace mobula::core
