#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/refusals.hpp"
#include "core/scheduler.hpp"
#include "wire/codec.hpp"

// Where a request is met: here, elsewhere, or later.

namespace mobula::core {
namespace {

constexpr wire::node_id nowhere = 0xffff;

bool negative(const wire::resource_amounts& amounts) {
  return amounts.cpus < 0 || amounts.gpus < 0 || amounts.memory_bytes < 0 ||
         std::any_of(amounts.custom.begin(), amounts.custom.end(),
                     [](const auto& one) { return one.second <= 0; }) ||
         !std::is_sorted(amounts.custom.begin(), amounts.custom.end());
}

}  // namespace

bool scheduler::makes_sense(wire::process_id from, const wire::lease_request& asked) const {
  return asked.owner && asked.owner.node() < peers_.size() &&
         (from == asked.owner || from.is_scheduler()) && asked.count != 0 &&
         !negative(asked.demand) && !negative(asked.held) && fits(asked.held, asked.demand) &&
         (asked.kind != wire::lease_kind::bundle ||
          (from == wire::process_id::scheduler_of(0) && asked.where.in_group()));
}

void scheduler::on_request(wire::process_id from, wire::lease_request asked) {
  if (shutting_down_) return;
  if (!makes_sense(from, asked)) {
    ++dropped_;
    return;
  }
  if (ended_.has(asked.owner)) return;
  if (asked.kind == wire::lease_kind::bundle) return place_bundle(std::move(asked));
  if (asked.where.in_group()) return place_in_group(std::move(asked));
  if (!peers_.feasible(asked.demand, asked.where))
    return limits_.wait_infeasible ? wait_infeasibly(std::move(asked)) : refuse(asked);
  if (asked.hops == 0 && asked.where.how == wire::placement_kind::node) {
    const auto wanted = static_cast<wire::node_id>(asked.where.node);
    const bool may = asked.where.node < peers_.size() && peers_.feasible_at(wanted, asked.demand);
    if (!asked.where.soft) {
      if (wanted != node_) return forward(asked, wanted, asked.count, true);
      asked.hops = limits_.hops_max;
    }
    asked.preferred = may ? wanted : nowhere;
  }
  const bool elsewhere = asked.hops == 0 && asked.preferred != nowhere &&
                         asked.preferred != node_ &&
                         peers_.feasible_at(asked.preferred, asked.demand, asked.where);
  if (elsewhere) {
    // Nobody has looked for room here: what finds none there may come back.
    return pass(asked, asked.preferred, asked.count);
  }
  place(std::move(asked));
}

/// Whether this node, all of it free, could do it.
bool scheduler::could_be_here(const wire::lease_request& asked) const {
  const wire::placement& where = seat_place(asked);
  return books_.feasible(asked.demand, where) &&
         (asked.where.in_group() || peers_.admits(node_, asked.where));
}

void scheduler::refuse(const wire::lease_request& asked) {
  send_refusal(out_, asked.owner, asked.request, asked.count, infeasible_error(asked, peers_));
}

/// Pack until half full, then spread: how many of the workers another node should give, which one
/// of two drawn at random, because it would be emptier with them.
std::uint32_t scheduler::count_for_another(const wire::lease_request& asked, wire::node_id& where) {
  constexpr double half = 0.5;
  if (peers_.size() < 2) return 0;
  wire::resource_amounts free = books_.free();
  std::uint32_t here = 0;
  while (could_be_here(asked) && here < asked.count && fits(asked.demand, free) &&
         load_with(asked.demand, free, books_.total()) <= half) {
    if (kinds_of(asked.held) == 0) return 0;
    take(free, asked.held);
    ++here;
  }
  if (here == asked.count) return 0;
  const auto other = peers_.draw(asked);
  if (!other) return 0;
  const auto& peer = peers_[*other];
  if (could_be_here(asked) && fits(asked.demand, free) &&
      load_with(asked.demand, peer.free, peer.total) >=
          load_with(asked.demand, free, books_.total())) {
    return 0;
  }
  where = *other;
  return std::min(asked.count - here, peers_.room_at(*other, asked.demand, asked.where));
}

/// Each worker to the emptiest of a few nodes, which are looked at in turn.
void scheduler::spread_out(wire::lease_request& asked) {
  constexpr std::size_t looks_max = 16;
  struct share {
    wire::resource_amounts free;
    std::uint32_t room = 0;
    std::uint32_t count = 0;
  };
  std::map<wire::node_id, share> shares;
  const auto share_of = [&](wire::node_id node) -> share& {
    const auto [at, is_new] = shares.try_emplace(node);
    if (!is_new) return at->second;
    if (node != node_) {
      at->second = {peers_[node].free, peers_.room_at(node, asked.demand, asked.where), 0};
    } else if (could_be_here(asked)) {
      at->second = {books_.free(), asked.count, 0};
    }
    return at->second;
  };
  for (std::uint32_t i = 0; i < asked.count; ++i) {
    share* best = nullptr;
    double best_load = 0;
    const std::size_t first = spread_next_;
    for (std::size_t look = 0; look < std::min(peers_.size(), looks_max); ++look) {
      const auto node = static_cast<wire::node_id>((first + look) % peers_.size());
      share& one = share_of(node);
      if (one.count >= one.room || !fits(asked.demand, one.free)) continue;
      const double load = load_with(asked.demand, one.free, peers_[node].total);
      if (best && load >= best_load) continue;
      best = &one;
      best_load = load;
      spread_next_ = node + std::size_t{1};
    }
    if (!best) break;
    ++best->count;
    take(best->free, asked.held);
  }
  for (const auto& [node, one] : shares) {
    if (node == node_ || one.count == 0) continue;
    forward(asked, node, one.count, false);
    asked.count -= one.count;
  }
}

void scheduler::place(wire::lease_request asked) {
  if (asked.hops == 0 && asked.where.how == wire::placement_kind::spread) {
    spread_out(asked);
  } else if (asked.hops == 0 && asked.preferred != node_) {
    wire::node_id where = 0;
    if (const std::uint32_t count = count_for_another(asked, where)) {
      forward(asked, where, count, false);
      asked.count -= count;
    }
  }
  if (asked.count == 0) return;
  const wire::process_id owner = asked.owner;
  const std::uint64_t request = asked.request;
  // What has been here already has been around: it comes to rest some day.
  const auto known = queue_.find(owner, request);
  if (known != queue_.end() && asked.hops >= limits_.hops_max) {
    constexpr int hops_highest = 200;
    known->asked.hops = static_cast<std::uint8_t>(
        std::min(std::max(known->asked.hops, asked.hops) + 1, hops_highest));
    known->asked.visited = asked.visited;
  }
  queue_.add(std::move(asked));
  if (could_be_here(queue_.find(owner, request)->asked)) serve();
  settle(owner, request);
}

/// What is left of a request that could not be met at once: two others drawn at random for each of
/// its hops, then it waits where it should fit soonest.
void scheduler::settle(wire::process_id owner, std::uint64_t request) {
  const auto at = queue_.find(owner, request);
  if (at == queue_.end()) return;
  wire::lease_request& left = at->asked;
  while (left.count != 0 && left.hops < limits_.hops_max) {
    const auto other = peers_.draw(left);
    if (!other) break;
    const std::uint32_t count =
        std::min(left.count, peers_.room_at(*other, left.demand, left.where));
    forward(left, *other, count, false);
    left.count -= count;
    // The next draw is for the rest of it: not to the same node again.
    left.visited.push_back(*other);
  }
  const bool feasible_here = could_be_here(left);
  const std::uint32_t elsewhere = feasible_here ? wait_elsewhere_too(*at) : 0;
  left.count -= elsewhere;
  if (elsewhere == 0 && left.count != 0 && (left.hops < limits_.hops_max || !feasible_here)) {
    const wire::node_id best = peers_.soonest(left, queue_.waiting() - left.count);
    if (best != node_) {
      forward(left, best, left.count, true);
      left.count = 0;
    }
  }
  if (left.count == 0) {
    queue_.erase(at);
  } else if (left.hops != 0) {
    wire::send(out_, owner, wire::lease_queued{request, left.count});
  }
  news_ = true;
}

/// What would be more than all of this node waits elsewhere, a node's worth at each: so an owner
/// has its share wherever others have theirs, and needs nobody to tell it of room. It goes on for
/// as long as it finds room, and waits at so many nodes at most where it has none. @returns how
/// many
std::uint32_t scheduler::wait_elsewhere_too(const waiting_request& mine) {
  constexpr std::uint8_t places_max = 32;
  const wire::lease_request& left = mine.asked;
  // Of what may be part of a deadlock its owner knows the one place where it waits.
  if ((mine.kinds & ~lent_kinds) != 0) return 0;
  const std::uint32_t stays = peers_.most_at(node_, left.demand);
  if (left.count <= stays) return 0;
  const bool has_none_here = std::ranges::none_of(leases_, [&](const auto& one) {
    return one.second.owner == left.owner && one.second.shape == mine.shape;
  });
  const int places = std::max(0, left.hops - limits_.hops_max) + (has_none_here ? 1 : 0);
  if (places > places_max) return 0;
  const auto other = peers_.soonest_other(left, left.visited);
  if (!other) return 0;
  wire::lease_request rest = left;
  rest.hops = static_cast<std::uint8_t>(limits_.hops_max + places - 1);
  forward(rest, *other, left.count - stays, false);
  return left.count - stays;
}

/// What has come to rest goes around once more: there may be room of which nobody has told.
void scheduler::send_on() {
  for (auto at = queue_.begin(); at != queue_.end(); ++at) {
    if (!could_be_here(at->asked) || seat_place(at->asked).in_group()) continue;
    at->asked.hops = std::min(at->asked.hops, limits_.hops_max);
    at->asked.visited.clear();
    at->asked.count -= wait_elsewhere_too(*at);
  }
}

/// @param to_stay  it waits there if there is no room
void scheduler::forward(const wire::lease_request& asked, wire::node_id to, std::uint32_t count,
                        bool to_stay) {
  wire::lease_request passed = asked;
  if (std::ranges::count(passed.visited, node_) == 0) passed.visited.push_back(node_);
  // Who has been to so many may come by again.
  constexpr std::size_t visited_max = 64;
  if (const std::size_t count_of_them = passed.visited.size(); count_of_them > visited_max) {
    const auto surplus = static_cast<std::ptrdiff_t>(count_of_them - visited_max);
    passed.visited.erase(passed.visited.begin(), passed.visited.begin() + surplus);
  }
  if (to_stay) passed.hops = static_cast<std::uint8_t>(limits_.hops_max - 1);
  pass(std::move(passed), to, count);
}

void scheduler::pass(wire::lease_request passed, wire::node_id to, std::uint32_t count) {
  passed.count = count;
  ++passed.hops;
  peers_.sent(to, passed.held, count);
  // What is free rides along.
  tell(to);
  peers_.send_request(out_, to, passed);
}

/// The node has said that it has room: what waits here goes there.
void scheduler::offer_to(wire::node_id node) {
  if (shutting_down_ || node == node_ || node >= peers_.size()) return;
  for (auto at = queue_.begin(); at != queue_.end();) {
    const std::uint32_t room = peers_.room_at(node, at->asked.demand, at->asked.where);
    const std::uint32_t count = std::min(room, at->asked.count);
    if (count == 0) {
      ++at;
      continue;
    }
    forward(at->asked, node, count, true);
    at->asked.count -= count;
    news_ = true;
    // Where there is room, there may be more: it is looked for as eagerly as at first.
    remind_every_ns_ = limits_.gossip_every_ns;
    remind_at_ns_ = std::min(remind_at_ns_, now_ns_ + remind_every_ns_);
    at = at->asked.count == 0 ? queue_.erase(at) : std::next(at);
  }
}

void scheduler::on_update(wire::process_id from, const wire::lease_update& asked) {
  if (asked.owner != from || shutting_down_ || update_infeasible(asked)) return;
  const auto at = queue_.find(asked.owner, asked.request);
  if (at == queue_.end()) {
    if (groups_ && groups_->on_update(asked)) return;
    // All of it was granted or has moved: the owner asks anew for what it still wants.
    if (asked.count != 0) wire::send(out_, from, wire::lease_queued{asked.request, 0});
    return;
  }
  news_ = true;
  at->asked.count = asked.count;
  const bool may_spread = asked.count != 0 && (at->kinds & ~lent_kinds) == 0;
  if (asked.count == 0) queue_.erase(at);
  serve();
  if (may_spread) settle(asked.owner, asked.request);
}

}  // namespace mobula::core
