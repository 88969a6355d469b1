#include "core/peer_nodes.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "wire/codec.hpp"

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
    one.drivers = std::max(node.drivers, peers_.size() == 1 ? 1U : 0U);
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
  peers_[news.node].lacking = news.lacking;
  waits(news.node, news.waiting);
}

void peer_nodes::waits(wire::node_id node, std::uint32_t count) {
  peers_[node].waiting = count;
  if (count != 0 && peers_[node].alive) {
    with_waiting_.insert(node);
  } else {
    with_waiting_.erase(node);
  }
}

void peer_nodes::died(wire::node_id node) {
  peers_[node].alive = false;
  deaths_.push_back(wire::process_id::scheduler_of(node));
  waits(node, 0);
  places_.clear();
}

void peer_nodes::sent(wire::node_id node, const wire::resource_amounts& held, std::uint32_t count) {
  peer& one = peers_[node];
  const std::uint32_t fit = std::min(count, times_in(held, one.free));
  if (kinds_of(held) != 0) {
    for (std::uint32_t i = 0; i < fit; ++i) take(one.free, held);
  }
  waits(node, one.waiting + count - fit);
}

void peer_nodes::send_request(wire::outbox& out, wire::node_id node,
                              const wire::lease_request& asked) {
  const wire::process_id to = wire::process_id::scheduler_of(node);
  peer& one = peers_[node];
  if (one.deaths_told != deaths_.size()) {
    const auto first = deaths_.begin() + static_cast<std::ptrdiff_t>(one.deaths_told);
    wire::send(out, to, wire::process_ended{{first, deaths_.end()}});
    one.deaths_told = deaths_.size();
  }
  wire::send(out, to, asked);
}

bool peer_nodes::is_driver(wire::process_id process) const {
  return process && process.node() < peers_.size() && !process.is_scheduler() &&
         process.incarnation() <= peers_[process.node()].drivers;
}

bool peer_nodes::is_end_of_a_driver(wire::process_id ended) const {
  if (!ended.is_scheduler()) return is_driver(ended);
  return ended.node() < peers_.size() && peers_[ended.node()].drivers != 0;
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

const peer_nodes::places& peer_nodes::places_for(const wire::resource_amounts& demand,
                                                 const wire::placement& where) const {
  // What is wanted of a node, be it that it is one of many or a certain one.
  std::uint64_t number = shape_number(demand) ^ wire::mix(where.node + 1);
  for (const wire::label& one : where.labels)
    number = wire::mix(number ^ std::hash<std::string>{}(one.key + '=' + one.value));
  if (const auto known = places_.find(number); known != places_.end()) {
    if (known->second.demand == demand && known->second.where == where) return known->second;
    places_.erase(known);
  }
  if (places_.size() == places_kept_max) places_.clear();
  places& found = places_[number];
  found.demand = demand;
  found.where = where;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const auto node = static_cast<wire::node_id>(i);
    if (feasible_at(node, demand, where)) found.nodes.push_back(node);
  }
  if (found.nodes.empty()) found.nearest = find_nearest(demand, where);
  return found;
}

bool peer_nodes::feasible(const wire::resource_amounts& demand,
                          const wire::placement& where) const {
  return feasible_at(self_, demand, where) || !places_for(demand, where).nodes.empty();
}

wire::node_id peer_nodes::nearest(const wire::resource_amounts& demand,
                                  const wire::placement& where) const {
  const places& known = places_for(demand, where);
  return known.nodes.empty() ? known.nearest : known.nodes.front();
}

wire::node_id peer_nodes::find_nearest(const wire::resource_amounts& demand,
                                       const wire::placement& where) const {
  constexpr double elsewhere = 1e6;
  wire::node_id best = self_;
  double best_missing = std::numeric_limits<double>::max();
  const auto consider = [&](std::size_t node, double misses) {
    if (misses >= best_missing) return;
    best_missing = misses;
    best = static_cast<wire::node_id>(node);
  };
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (!peers_[i].alive) continue;
    const double more = admits(static_cast<wire::node_id>(i), where) ? 0 : elsewhere;
    if (fits(demand, peers_[i].total)) consider(i, more);
    for (const auto& seat : peers_[i].seats) consider(i, missing(demand, seat) + more);
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
    ++looks_;
    return node != self_ && std::ranges::count(asked.visited, node) == 0 &&
           room_at(node, demand, asked.where) != 0;
  };
  // Looking at a few random ones finds room where there is much of it; where there are few they are
  // all looked at, from a random place on.
  const auto& nodes = places_for(demand, asked.where).nodes;
  const bool all = nodes.size() <= looks_max;
  const std::size_t start = random() % std::max<std::size_t>(nodes.size(), 1);
  std::optional<wire::node_id> best;
  int found = 0;
  for (std::size_t i = 0; i < std::min(nodes.size(), looks_max) && found < 2; ++i) {
    const wire::node_id node = nodes[(all ? start + i : random()) % nodes.size()];
    if (!usable(node)) continue;
    ++found;
    if (!best || load_with(demand, peers_[node].free, peers_[node].total) <
                     load_with(demand, peers_[*best].free, peers_[*best].total)) {
      best = node;
    }
  }
  return best;
}

wire::node_id peer_nodes::soonest(const wire::lease_request& asked, std::uint32_t waiting_here) {
  const wire::resource_amounts& demand = asked.demand;
  const auto other = soonest_other(asked, {});
  if (!feasible_at(self_, demand, asked.where)) return other.value_or(self_);
  ++looks_;
  const bool here =
      !other || score(self_, demand, waiting_here) <= score(*other, demand, peers_[*other].waiting);
  return here ? self_ : *other;
}

double peer_nodes::score(wire::node_id node, const wire::resource_amounts& demand,
                         std::uint32_t waiting) const {
  return (waiting + 1.0) / times_in(demand, peers_[node].total);
}

std::optional<wire::node_id> peer_nodes::soonest_other(const wire::lease_request& asked,
                                                       const std::vector<wire::node_id>& visited) {
  const wire::resource_amounts& demand = asked.demand;
  std::optional<wire::node_id> best;
  const auto& nodes = places_for(demand, asked.where).nodes;
  const auto consider = [&](wire::node_id node) {
    ++looks_;
    if (node == self_ || std::ranges::count(visited, node) != 0) return;
    const bool sooner = !best || score(node, demand, peers_[node].waiting) <
                                     score(*best, demand, peers_[*best].waiting);
    if (sooner) best = node;
  };
  const bool all = nodes.size() <= looks_max;
  for (std::size_t i = 0; i < std::min(nodes.size(), looks_max); ++i)
    consider(nodes[all ? i : random() % nodes.size()]);
  if (all) return best;
  // Of so many in a row one is another, if there is one.
  const std::size_t start = random() % nodes.size();
  for (std::size_t i = 0; i < std::min(nodes.size(), visited.size() + 2) && !best; ++i)
    consider(nodes[(start + i) % nodes.size()]);
  return best;
}

std::uint32_t peer_nodes::most_at(wire::node_id node, const wire::resource_amounts& demand) const {
  return times_in(demand, peers_[node].total);
}

void peer_nodes::choose(wire::node_id node, std::size_t count, std::vector<wire::node_id>& chosen) {
  ++looks_;
  if (node == self_ || !peers_[node].alive || chosen.size() >= count) return;
  if (std::ranges::count(chosen, node) == 0) chosen.push_back(node);
}

std::vector<wire::node_id> peer_nodes::listeners(std::size_t count) {
  std::vector<wire::node_id> chosen;
  const auto start = static_cast<wire::node_id>(random() % std::max<std::size_t>(peers_.size(), 1));
  auto next = with_waiting_.lower_bound(start);
  for (std::size_t i = 0; i < with_waiting_.size() && chosen.size() < count; ++i) {
    if (next == with_waiting_.end()) next = with_waiting_.begin();
    choose(*next++, count, chosen);
  }
  add_some(count, chosen);
  return chosen;
}

std::vector<wire::node_id> peer_nodes::some(std::size_t count) {
  std::vector<wire::node_id> chosen;
  add_some(count, chosen);
  return chosen;
}

void peer_nodes::add_some(std::size_t count, std::vector<wire::node_id>& chosen) {
  for (std::size_t i = 0; i < 4 * count && chosen.size() < count && peers_.size() > 1; ++i)
    choose(static_cast<wire::node_id>(random() % peers_.size()), count, chosen);
}

}  // namespace mobula::core
