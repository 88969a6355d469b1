#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/invariant.hpp"
#include "core/scheduler.hpp"
#include "wire/codec.hpp"

// The leases of this node: who gets which process, and who must give one back.

namespace mobula::core {
namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

}  // namespace

wire::resource_amounts scheduler::lease::booked() const {
  wire::resource_amounts amounts = held;
  if (lent) amounts.cpus = 0;
  return amounts;
}

scheduler::lease* scheduler::find(wire::lease_id id) {
  if (id.granter != self_) return nullptr;
  const auto at = leases_.find(id.number);
  return at == leases_.end() ? nullptr : &at->second;
}

void scheduler::serve() {
  if (serving_ || shutting_down_) return;
  serving_ = true;
  assign_awaiting();
  for (bool granted = true; granted;) {
    granted = false;
    taken_ahead taken;
    serve_claims(taken);
    beside_actors_.clear();
    for (auto at = queue_.begin(); at != queue_.end();) {
      const auto one = at++;
      one->claimed = 0;
      if (taken.has(seat_place(one->asked), one->kinds)) continue;
      if (!could_be_here(one->asked)) continue;
      if (const resource_set lacks = grant(*one)) {
        if (!fits_beside_actors(one->asked)) continue;
        one->lacks(lacks);
        taken.add(seat_place(one->asked), one->claimed);
        continue;
      }
      granted = true;
      if (--one->asked.count == 0) {
        queue_.erase(one);
      } else {
        queue_.move_to_end(one);
      }
    }
  }
  serving_ = false;
  tell_of_room();
  recall_at_ns_ = never;
  if (!queue_.empty() || !claims_.empty()) recall_for_waiting();
}

/// What seats have beside the actors that live there, and bundles. These end when they like, and
/// give nothing back when asked: what waits for that holds up nobody meanwhile.
void scheduler::look_at_actors() {
  if (!beside_actors_.empty()) return;
  for (std::uint32_t seat = 0; seat < books_.size(); ++seat)
    beside_actors_.push_back({books_.total_of(seat), books_.devices_of(seat).all_free()});
  for (const auto& [number, one] : leases_) {
    if (one.kind == wire::lease_kind::task) continue;
    take(beside_actors_[one.seat].amounts, one.booked());
    beside_actors_[one.seat].devices.take(one.set.devices);
  }
}

bool scheduler::fits_beside_actors(const wire::lease_request& asked) {
  look_at_actors();
  for (std::uint32_t seat = 0; seat < books_.size(); ++seat)
    if (books_.admits(seat, seat_place(asked)) && beside_actors_[seat].has(asked.demand))
      return true;
  return false;
}

/// What claims still wait for nothing else may take.
void scheduler::serve_claims(taken_ahead& taken) {
  std::vector<std::uint32_t> seats_waited_for;
  for (auto at = claims_.begin(); at != claims_.end();) {
    lease& one = leases_.at(*at);
    wire::resource_amounts cpus;
    cpus.cpus = one.held.cpus;
    const bool behind = std::find(seats_waited_for.begin(), seats_waited_for.end(), one.seat) !=
                        seats_waited_for.end();
    if (behind || !fits(cpus, books_.free_of(one.seat))) {
      seats_waited_for.push_back(one.seat);
      ++at;
      continue;
    }
    books_.take_from(one.seat, cpus, {}, one.set.cores);
    one.lent = one.claiming = false;
    news_ = true;
    if (std::exchange(one.shares, false)) --workers_.find(one.worker)->blocked;
    wire::send(out_, one.worker, wire::cpus_grant{{self_, one.number}});
    at = claims_.erase(at);
  }
  for (const std::uint32_t seat : seats_waited_for) taken.add(books_.place_of(seat), cpus_bit);
}

/// As the request says, nothing of it booked yet.
scheduler::lease& scheduler::new_lease(const waiting_request& wanted, std::uint32_t seat) {
  const wire::lease_request& asked = wanted.asked;
  lease& made = leases_[++last_lease_];
  made.number = last_lease_;
  made.owner = asked.owner;
  made.request = asked.request;
  made.shape = wanted.shape;
  made.kind = asked.kind;
  made.seat = seat;
  made.held = asked.held;
  return made;
}

/// Gives one worker to the request. @returns nothing, or what it lacks
resource_set scheduler::grant(const waiting_request& wanted) {
  const wire::lease_request& asked = wanted.asked;
  const wire::placement& where = seat_place(asked);
  const int seat = books_.seat_for(asked.demand, where);
  if (seat < 0) return books_.lacking_for(asked.demand, where);
  if (asked.kind == wire::lease_kind::bundle) {
    grant_bundle(wanted, static_cast<std::uint32_t>(seat));
    return 0;
  }
  auto choice = choose_process(asked, static_cast<std::uint32_t>(seat));
  if (!choice) return process_bit;

  lease& granted = new_lease(wanted, static_cast<std::uint32_t>(seat));
  // Its process ends with the bundle: nobody else's is to end with it.
  granted.alone = asked.alone || where.in_group();
  granted.set = std::move(choice->set);
  books_.take_from(granted.seat, granted.held, granted.set.devices, granted.set.cores);
  if (where.in_group()) enter_bundle(granted);
  news_ = true;
  if (worker* to = choice->process) {
    if (to->now == worker::state::idle) workers_.take_idle(*to);
    assign(granted, *to);
  } else {
    awaiting_process_.push_back(granted.number);
    assign_awaiting();
  }
  return 0;
}

void scheduler::assign(lease& granted, worker& to) {
  granted.worker = to.id;
  granted.granted_at_ns = now_ns_;
  to.now = worker::state::leased;
  const wire::group_id group = books_.place_of(granted.seat).group;
  to.group = to.used && to.group != group ? wire::group_id{} : group;
  to.used = true;
  to.alone = granted.alone;
  to.leases.push_back(granted.number);
  if (granted.kind == wire::lease_kind::actor) workers_.becomes_actors(to);
  wire::lease_grant message;
  message.request = granted.request;
  message.lease = {self_, granted.number};
  message.worker = to.id;
  wire::send(out_, granted.owner, message);
}

/// Asks for leases back until what waits will have room, by the shares of owners.
void scheduler::recall_for_waiting() {
  recall_at_ns_ = never;
  beside_actors_.clear();
  soon_room soon{books_};
  std::size_t soon_idle = 0;
  for (const auto& [number, one] : leases_) {
    if ((!one.recalled && !one.revoked) || one.kind == wire::lease_kind::bundle) continue;
    soon.add(one);
    ++soon_idle;
  }
  for (const std::uint64_t number : claims_) {
    const lease& claims = leases_.at(number);
    wire::resource_amounts cpus;
    cpus.cpus = claims.held.cpus;
    const lease_demand wanted{cpus, {}, claims.seat};
    while (soon.lacks(wanted) != 0 && recall_one({}, 0, cpus_bit, wanted, soon)) {
    }
    if (soon.lacks(wanted) == 0) soon.take(wanted);
  }
  constexpr int looks_max = 64;
  int looks = 0;
  for (auto at = queue_.begin(); at != queue_.end() && looks < looks_max; ++at) {
    const wire::lease_request& asked = at->asked;
    if (asked.at_once || !could_be_here(asked) || !fits_beside_actors(asked)) continue;
    const lease_demand wanted{asked.demand, seat_place(asked)};
    for (std::uint32_t i = 0; i < asked.count && looks < looks_max; ++looks) {
      resource_set lacks = soon.lacks(wanted);
      if (lacks == 0 && (at->lacked & process_bit) != 0 && soon_idle == 0) lacks = process_bit;
      if (lacks == 0) {
        soon.take(wanted);
        if (soon_idle != 0) --soon_idle;
        ++i;
      } else if (recall_one(asked.owner, at->shape, lacks, wanted, soon)) {
        ++soon_idle;
      } else {
        break;
      }
    }
  }
}

scheduler::soon_room::soon_room(const seat_books& books) : books_{books} {
  for (std::uint32_t seat = 0; seat < books.size(); ++seat)
    seats_.push_back({books.free_of(seat), books.devices_of(seat)});
}

void scheduler::soon_room::add(const lease& one) {
  core::add(seats_[one.seat].amounts, one.booked());
  seats_[one.seat].devices.give(one.set.devices);
}

resource_set scheduler::soon_room::lacks(const lease_demand& wanted) const {
  resource_set all = 0;
  for (std::uint32_t i = 0; i < seats_.size(); ++i) {
    if (!wanted.may_be_in(books_, i)) continue;
    if (seats_[i].has(wanted.amounts)) return 0;
    // What is free of devices may be in pieces.
    all |= lacking(wanted.amounts, seats_[i].amounts) |
           (seats_[i].devices.find(wanted.amounts.gpus) ? 0 : gpus_bit);
  }
  return all;
}

void scheduler::soon_room::take(const lease_demand& wanted) {
  for (std::uint32_t i = 0; i < seats_.size(); ++i) {
    if (!wanted.may_be_in(books_, i) || !seats_[i].has(wanted.amounts)) continue;
    core::take(seats_[i].amounts, wanted.amounts);
    return seats_[i].devices.take(*seats_[i].devices.find(wanted.amounts.gpus));
  }
}

/// Recalls the newest lease of the owner and shape with most leases that hold any of `kinds`, if
/// it has more of them than the one who waits (who is nobody for a claim).
bool scheduler::recall_one(wire::process_id owner, std::uint64_t shape, resource_set kinds,
                           const lease_demand& wanted, soon_room& soon) {
  struct share {
    std::size_t count = 0;
    lease* newest = nullptr;  // of those that were held long enough
    std::uint64_t due_ns = never;
  };
  // A claim is for what has begun long ago: it doesn't wait for anybody's tenure.
  const bool at_once = !owner;
  std::map<std::pair<wire::process_id, std::uint64_t>, share> shares;
  for (auto& [number, one] : leases_) {
    if (one.kind != wire::lease_kind::task || one.recalled || one.revoked || !one.worker) continue;
    if (kinds != process_bit &&
        ((kinds_of(one.booked()) & kinds) == 0 || !wanted.may_be_in(books_, one.seat)))
      continue;
    share& group = shares[{one.owner, one.shape}];
    ++group.count;
    const std::uint64_t due_ns = one.granted_at_ns + limits_.tenure_ns;
    group.due_ns = std::min(group.due_ns, due_ns);
    if (due_ns <= now_ns_ || at_once) group.newest = &one;
  }
  std::size_t mine = 0;
  if (const auto at = shares.find({owner, shape}); at != shares.end()) {
    mine = at->second.count;
    shares.erase(at);
  }
  share best;
  for (const auto& [who, group] : shares) {
    if (group.count > mine && group.count > best.count) best = group;
  }
  if (best.count == 0) return false;
  if (!best.newest) {
    recall_at_ns_ = std::min(recall_at_ns_, best.due_ns);
    return false;
  }
  best.newest->recalled = true;
  soon.add(*best.newest);
  wire::send(out_, best.newest->owner, wire::lease_recall{{self_, best.newest->number}});
  return true;
}

void scheduler::end_lease(lease& one) {
  books_.give_to(one.seat, one.booked(), one.set.devices, one.lent ? core_set{} : one.set.cores);
  if (bundles_.contains(one.seat)) left_bundle(one);
  news_ = true;
  if (groups_) groups_->room_changed();
  interests(one.owner.node());
  if (one.claiming) std::erase(claims_, one.number);
  if (one.worker) {
    leave_worker(one);
  } else {
    std::erase(awaiting_process_, one.number);
  }
  leases_.erase(one.number);
}

void scheduler::leave_worker(const lease& one) {
  worker* from = workers_.find(one.worker);
  std::erase(from->leases, one.number);
  if (one.shares) --from->blocked;
  if (!from->leases.empty() || from->now != worker::state::leased || from->ended_for) return;
  if (from->actor) return retire(*from);
  workers_.rests(*from);
  retire_surplus();
}

void scheduler::revoke(lease& one) {
  if (one.revoked || one.kind == wire::lease_kind::bundle) return;
  if (!one.worker) return end_lease(one);
  one.revoked = true;
  wire::send(out_, one.worker, wire::lease_revoke{{self_, one.number}});
}

}  // namespace mobula::core
