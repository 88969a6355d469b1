#include "core/group_planner.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

namespace mobula::core {

using wire::group_strategy;
using wire::node_id;

device_set plan_room::put(const wire::resource_amounts& amounts) {
  device_set taken = devices.find(amounts.gpus).value();
  devices.take(taken);
  take(free, amounts);
  return taken;
}

namespace {

/// How many of that a room has place for.
std::uint64_t times_in(const plan_room& room, const wire::resource_amounts& amounts,
                       std::uint64_t most) {
  plan_room left = room;
  std::uint64_t times = 0;
  while (times < most && left.has(amounts)) {
    left.put(amounts);
    ++times;
  }
  return times;
}

/// Whether it can be seen at once that they can't all be placed: of those that are as large as some
/// one of them there are more than there is place for.
bool is_hopeless(std::span<const planned_bundle> bundles, const std::vector<plan_room>& rooms) {
  std::vector<const wire::resource_amounts*> sizes;
  for (const planned_bundle& one : bundles) {
    const auto same = [&](const auto* known) { return *known == one.amounts; };
    if (!one.fixed && std::ranges::none_of(sizes, same)) sizes.push_back(&one.amounts);
  }
  return std::ranges::any_of(sizes, [&](const wire::resource_amounts* size) {
    std::uint64_t needed = 0, places = 0;
    for (const planned_bundle& one : bundles) needed += !one.fixed && fits(*size, one.amounts);
    for (const plan_room& room : rooms) {
      if (places >= needed) break;
      places += times_in(room, *size, needed - places);
    }
    return places < needed;
  });
}

/// Puts bundles into rooms and takes them out again, the largest first.
class packing {
 public:
  packing(group_strategy how, std::span<const planned_bundle> bundles,
          std::vector<plan_room>& rooms)
      : how_{how}, bundles_{bundles}, rooms_{rooms}, nodes_(bundles.size()) {
    for (std::size_t i = 0; i < bundles.size(); ++i) {
      if (bundles[i].fixed) {
        nodes_[i] = *bundles[i].fixed;
        ++on_node_[nodes_[i]];
      } else {
        order_.push_back(i);
      }
    }
    std::ranges::stable_sort(order_, [&](std::size_t a, std::size_t b) {
      return weight(bundles[b].amounts) < weight(bundles[a].amounts);
    });
  }

  /// Each into the room that it likes best.
  bool greedily() {
    for (std::size_t at = 0; at < order_.size(); ++at) {
      const auto liked = best_room(amounts_at(at));
      if (!liked) {
        while (at-- > 0) take_out(at);
        return false;
      }
      put(at, *liked);
    }
    return true;
  }
  /// Looks through all ways, as long as `steps` last. @returns whether one was found
  bool exhaustively(std::size_t& steps, std::size_t at = 0) {
    if (at == order_.size()) return true;
    for (std::size_t room = 0; room < rooms_.size() && steps != 0; ++room) {
      if (!rooms_[room].has(amounts_at(at))) continue;
      --steps;
      put(at, room);
      if (exhaustively(steps, at + 1)) return true;
      take_out(at);
    }
    return false;
  }
  std::size_t size() const { return order_.size(); }
  const std::vector<node_id>& nodes() const { return nodes_; }

 private:
  struct in_room {
    std::size_t room = 0;
    device_set devices;
  };
  using size_order = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::size_t>;
  static size_order weight(const wire::resource_amounts& one) {
    return {one.gpus, one.cpus, one.memory_bytes, one.custom.size()};
  }
  const wire::resource_amounts& amounts_at(std::size_t at) const {
    return bundles_[order_[at]].amounts;
  }

  std::optional<std::size_t> best_room(const wire::resource_amounts& amounts) {
    std::optional<std::size_t> best;
    std::pair<double, double> best_cost;
    for (std::size_t i = 0; i < rooms_.size(); ++i) {
      if (!rooms_[i].has(amounts)) continue;
      const auto cost = cost_of(rooms_[i], amounts);
      if (best && !(cost < best_cost)) continue;
      best = i;
      best_cost = cost;
    }
    return best;
  }
  std::pair<double, double> cost_of(const plan_room& room, const wire::resource_amounts& amounts) {
    const double load = load_with(amounts, room.free, room.total);
    const auto known = on_node_.find(room.node);
    const std::uint32_t there = known == on_node_.end() ? 0 : known->second;
    if (how_ == group_strategy::spread) return {there, load};
    // Where one of them is already, as full as can be; else where most of the others may follow.
    return there != 0 ? std::pair{0.0, -load} : std::pair{1.0, load};
  }

  void put(std::size_t at, std::size_t room) {
    plan_room& into = rooms_[room];
    placed_.push_back({room, into.put(amounts_at(at))});
    nodes_[order_[at]] = into.node;
    ++on_node_[into.node];
  }
  // The last one that was put.
  void take_out(std::size_t at) {
    plan_room& from = rooms_[placed_.back().room];
    from.devices.give(placed_.back().devices);
    add(from.free, amounts_at(at));
    --on_node_[from.node];
    placed_.pop_back();
  }

  group_strategy how_;
  std::span<const planned_bundle> bundles_;
  std::vector<plan_room>& rooms_;
  std::vector<node_id> nodes_;
  std::map<node_id, std::uint32_t> on_node_;
  std::vector<std::size_t> order_;  // of those that are not fixed
  std::vector<in_room> placed_;     // in that order
};

group_plan pack_into(group_strategy how, std::span<const planned_bundle> bundles,
                     std::vector<plan_room> rooms, bool thorough) {
  packing one{how, bundles, rooms};
  if (one.greedily()) return {one.nodes()};
  if (!thorough) return {std::nullopt, false};
  if (is_hopeless(bundles, rooms)) return {};
  // More are hardly ever worth the time: that they can't be placed stays a guess then.
  constexpr std::size_t bundles_max = 24;
  constexpr std::size_t steps_max = 20'000;
  if (one.size() > bundles_max) return {std::nullopt, false};
  std::size_t steps = steps_max;
  if (one.exhaustively(steps)) return {one.nodes()};
  return {std::nullopt, steps != 0};
}

group_plan pack_into_one_node(std::span<const planned_bundle> bundles,
                              const std::vector<plan_room>& rooms, bool thorough) {
  std::map<node_id, std::vector<plan_room>> by_node;
  for (const plan_room& one : rooms) by_node[one.node].push_back(one);
  const auto fixed = std::ranges::find_if(
      bundles, [](const planned_bundle& one) { return one.fixed.has_value(); });
  group_plan best;
  double best_load = 0;
  for (const auto& [node, mine] : by_node) {
    if (fixed != bundles.end() && *fixed->fixed != node) continue;
    const group_plan plan = pack_into(group_strategy::pack, bundles, mine, thorough);
    best.is_certain = best.is_certain && (plan.nodes || plan.is_certain);
    if (!plan.nodes) continue;
    double load = 0;
    for (const plan_room& one : mine)
      load = std::max(load, load_with(bundles.front().amounts, one.free, one.total));
    if (best.nodes && load >= best_load) continue;
    best.nodes = plan.nodes;
    best_load = load;
  }
  return best;
}

/// Each bundle to a node of its own: augmenting paths, so that none is overlooked.
class matching {
 public:
  matching(std::span<const planned_bundle> bundles, const std::vector<plan_room>& rooms)
      : bundles_{bundles}, rooms_{rooms} {
    by_load_.resize(rooms.size());
    std::iota(by_load_.begin(), by_load_.end(), std::size_t{0});
    const auto load = [&](std::size_t room) {
      return load_with(bundles.front().amounts, rooms[room].free, rooms[room].total);
    };
    std::ranges::stable_sort(by_load_, [&](auto a, auto b) { return load(a) < load(b); });
    for (std::size_t i = 0; i < bundles.size(); ++i)
      if (bundles[i].fixed) bundle_on_[*bundles[i].fixed] = i;
  }
  group_plan find() {
    for (std::size_t i = 0; i < bundles_.size(); ++i) {
      if (bundles_[i].fixed) continue;
      tried_.clear();
      if (!place(i)) return {};
    }
    std::vector<node_id> nodes(bundles_.size());
    for (const auto& [node, bundle] : bundle_on_) nodes[bundle] = node;
    return {nodes};
  }

 private:
  bool place(std::size_t bundle) {
    for (const std::size_t room : by_load_) {
      if (bundle_on_.contains(rooms_[room].node) || !fits_in(room, bundle)) continue;
      bundle_on_[rooms_[room].node] = bundle;
      return true;
    }
    // Where another is, which can go elsewhere.
    for (const std::size_t room : by_load_) {
      const node_id node = rooms_[room].node;
      if (!bundle_on_.contains(node) || tried_.contains(node) || !fits_in(room, bundle)) continue;
      const std::size_t other = bundle_on_[node];
      if (bundles_[other].fixed) continue;
      tried_.insert(node);
      if (!place(other)) continue;
      bundle_on_[node] = bundle;
      return true;
    }
    return false;
  }
  bool fits_in(std::size_t room, std::size_t bundle) const {
    return rooms_[room].has(bundles_[bundle].amounts);
  }

  std::span<const planned_bundle> bundles_;
  const std::vector<plan_room>& rooms_;
  std::vector<std::size_t> by_load_;
  std::map<node_id, std::size_t> bundle_on_;
  std::set<node_id> tried_;
};

}  // namespace

group_plan plan_group(group_strategy how, std::span<const planned_bundle> bundles,
                      std::vector<plan_room> rooms, bool thorough) {
  if (bundles.empty()) return {std::vector<node_id>{}};
  switch (how) {
    case group_strategy::strict_pack:
      return pack_into_one_node(bundles, rooms, thorough);
    case group_strategy::strict_spread:
      return matching{bundles, rooms}.find();
    case group_strategy::pack:
    case group_strategy::spread:
      break;
  }
  return pack_into(how, bundles, std::move(rooms), thorough);
}

}  // namespace mobula::core
