#include "core/peer_nodes.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace mobula::core {
namespace {

/// How many of them are never worth counting beyond.
constexpr std::uint32_t room_max = 4096;

void count_room(std::uint32_t& room, std::int64_t demand, std::int64_t available) {
  if (demand <= 0) return;
  const std::int64_t times = std::max<std::int64_t>(available, 0) / demand;
  room = static_cast<std::uint32_t>(std::min<std::int64_t>(room, times));
}

std::uint32_t times_in(const wire::resource_amounts& demand,
                       const wire::resource_amounts& available) {
  std::uint32_t room = room_max;
  count_room(room, demand.cpus, available.cpus);
  count_room(room, demand.gpus, available.gpus);
  count_room(room, demand.memory_bytes, available.memory_bytes);
  for (const auto& [name, amount] : demand.custom) {
    count_room(room, amount, custom_amount(available, name));
  }
  return room;
}

/// The parts of `demand` that are missing, each as a share of what is asked, summed.
double missing(const wire::resource_amounts& demand, const wire::resource_amounts& total) {
  double sum = 0;
  const auto count = [&](std::int64_t asked, std::int64_t there) {
    if (asked > there) sum += static_cast<double>(asked - there) / static_cast<double>(asked);
  };
  count(demand.cpus, total.cpus);
  count(demand.gpus, total.gpus);
  count(demand.memory_bytes, total.memory_bytes);
  for (const auto& [name, amount] : demand.custom) count(amount, custom_amount(total, name));
  return sum;
}

}  // namespace

peer_nodes::peer_nodes(wire::node_id self, std::vector<node_totals> nodes, std::uint64_t seed)
    : self_{self}, random_state_{wire::mix(seed * 0x9e3779b97f4a7c15U + self + 1)} {
  for (auto& node : nodes) {
    peer& one = peers_.emplace_back();
    one.host = std::move(node.host);
    one.seats = std::move(node.seats);
    one.labels = std::move(node.labels);
    for (std::size_t i = 0; i < one.seats.size(); ++i) {
      add(one.total, one.seats[i]);
      one.devices.emplace_back(devices_of_seat(node.devices, i, one.seats[i]));
      const device_room here = one.devices.back().room();
      one.gpus.part = std::max(one.gpus.part, here.part);
      one.gpus.whole += here.whole;
    }
    one.free = one.total;
  }
}

std::uint64_t peer_nodes::random() {
  random_state_ += 0x9e3779b97f4a7c15U;
  return wire::mix(random_state_);
}

void peer_nodes::heard(const wire::free_amounts& news) {
  if (news.node >= peers_.size() || news.node == self_) return;
  peers_[news.node].free = news.free;
  peers_[news.node].gpus = {news.gpu_part, news.gpus_whole};
  peers_[news.node].waiting = news.waiting;
  peers_[news.node].lacking = news.lacking;
}

void peer_nodes::sent(wire::node_id node, const wire::resource_amounts& held, std::uint32_t count) {
  peer& one = peers_[node];
  const std::uint32_t fit = std::min(count, times_in(held, one.free));
  if (kinds_of(held) != 0) {
    for (std::uint32_t i = 0; i < fit; ++i) take(one.free, held);
  }
  one.waiting += count - fit;
}

std::size_t peer_nodes::alive() const {
  return static_cast<std::size_t>(std::ranges::count_if(peers_, &peer::alive));
}

bool peer_nodes::admits(wire::node_id node, const wire::placement& where) const {
  switch (where.how) {
    case wire::placement_kind::node:
      return where.soft || where.node == node;
    case wire::placement_kind::labels:
      return std::ranges::includes(peers_[node].labels, where.labels);
    case wire::placement_kind::automatic:
    case wire::placement_kind::spread:
    case wire::placement_kind::group:
      break;
  }
  return !where.in_group();
}

bool peer_nodes::feasible_at(wire::node_id node, const wire::resource_amounts& demand,
                             const wire::placement& where) const {
  if (node >= peers_.size() || !peers_[node].alive || !admits(node, where)) return false;
  const peer& one = peers_[node];
  for (std::size_t i = 0; i < one.seats.size(); ++i)
    if (fits(demand, one.seats[i]) && one.devices[i].feasible(demand.gpus)) return true;
  return false;
}

bool peer_nodes::feasible(const wire::resource_amounts& demand,
                          const wire::placement& where) const {
  if (feasible_at(self_, demand, where)) return true;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (feasible_at(static_cast<wire::node_id>(i), demand, where)) return true;
  }
  return false;
}

wire::node_id peer_nodes::nearest(const wire::resource_amounts& demand,
                                  const wire::placement& where) const {
  constexpr double elsewhere = 1e6;
  wire::node_id best = self_;
  double best_missing = std::numeric_limits<double>::max();
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (!peers_[i].alive) continue;
    const bool may = admits(static_cast<wire::node_id>(i), where);
    for (const auto& seat : peers_[i].seats) {
      const double misses = missing(demand, seat) + (may ? 0 : elsewhere);
      if (misses >= best_missing) continue;
      best_missing = misses;
      best = static_cast<wire::node_id>(i);
    }
  }
  return best;
}

std::uint32_t peer_nodes::room_at(wire::node_id node, const wire::resource_amounts& demand,
                                  const wire::placement& where) const {
  if (!feasible_at(node, demand, where)) return 0;
  if (((kinds_of(demand) | process_bit) & peers_[node].lacking) != 0) return 0;
  return peers_[node].gpus.times(demand.gpus, times_in(demand, peers_[node].free));
}

std::optional<wire::node_id> peer_nodes::draw(const wire::lease_request& asked) {
  const wire::resource_amounts& demand = asked.demand;
  const auto usable = [&](wire::node_id node) {
    return node != self_ && std::ranges::count(asked.visited, node) == 0 &&
           room_at(node, demand, asked.where) != 0;
  };
  // Looking at a few random ones finds room where there is much of it; a small job is looked at
  // whole, from a random place on.
  constexpr std::size_t looks_max = 16;
  const std::size_t looks = std::min(peers_.size(), looks_max);
  const bool whole = peers_.size() <= looks_max;
  const std::size_t start = random() % std::max<std::size_t>(peers_.size(), 1);
  std::optional<wire::node_id> best;
  int found = 0;
  for (std::size_t i = 0; i < looks && found < 2; ++i) {
    const auto node = static_cast<wire::node_id>((whole ? start + i : random()) % peers_.size());
    if (!usable(node)) continue;
    ++found;
    if (!best || load_with(demand, peers_[node].free, peers_[node].total) <
                     load_with(demand, peers_[*best].free, peers_[*best].total)) {
      best = node;
    }
  }
  return best;
}

wire::node_id peer_nodes::soonest(const wire::resource_amounts& demand, std::uint32_t waiting_here,
                                  const wire::placement& where) const {
  wire::node_id best = self_;
  double best_score = std::numeric_limits<double>::max();
  const auto consider = [&](wire::node_id node, std::uint32_t waiting) {
    if (!feasible_at(node, demand, where)) return;
    const double score = (waiting + 1.0) / times_in(demand, peers_[node].total);
    if (score >= best_score) return;
    best_score = score;
    best = node;
  };
  consider(self_, waiting_here);
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const auto node = static_cast<wire::node_id>(i);
    if (node != self_) consider(node, peers_[i].waiting);
  }
  return best;
}

std::vector<wire::node_id> peer_nodes::listeners(std::size_t count) {
  std::vector<wire::node_id> chosen;
  const auto choose = [&](wire::node_id node) {
    if (node == self_ || !peers_[node].alive || chosen.size() >= count) return;
    if (std::find(chosen.begin(), chosen.end(), node) == chosen.end()) chosen.push_back(node);
  };
  const std::size_t start = random() % std::max<std::size_t>(peers_.size(), 1);
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const auto node = static_cast<wire::node_id>((start + i) % peers_.size());
    if (peers_[node].waiting != 0) choose(node);
  }
  for (std::size_t i = 0; i < 4 * count && peers_.size() > 1; ++i) {
    choose(static_cast<wire::node_id>(random() % peers_.size()));
  }
  return chosen;
}

}  // namespace mobula::core
