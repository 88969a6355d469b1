#include "transport/sim/network.hpp"

#include <algorithm>
#include <utility>

namespace mobula::sim {

using wire::process_id;

network::network(timeline& time, std::uint64_t seed, delays named)
    : time_{time}, random_{seed}, delays_{named} {}

wire::outbox& network::join(process_id process, wire::receiver& to) {
  members_[process] = &to;
  auto& mine = senders_[process];
  mine = std::make_unique<sender>(*this, process);
  return *mine;
}

std::byte* network::sender::begin(process_id to, std::size_t size) {
  to_ = to;
  bytes_.assign(size, std::byte{});
  return bytes_.data();
}

void network::sender::commit() { through_.carry(self_, to_, std::move(bytes_)); }

network::channel& network::between(process_id from, process_id to) {
  channel& found = channels_[from][to];
  found.from = from;
  found.to = to;
  return found;
}

std::uint64_t network::arrival(const channel& on) {
  if (on.from == on.to && delays_.own_at_once) return std::max(on.last_ns, time_.now_ns());
  const std::uint64_t spread = delays_.most_ns - delays_.least_ns + 1;
  return std::max(on.last_ns, time_.now_ns() + delays_.least_ns + random_() % spread);
}

void network::carry(process_id from, process_id to, std::vector<std::byte> bytes) {
  // The dead send nothing, whatever is still torn down in their name.
  if (!is_here(from)) return;
  channel& on = between(from, to);
  on.messages.push_back(std::move(bytes));
  on.last_ns = arrival(on);
  time_.at(on.last_ns, [this, &on] { deliver_next(on); });
}

void network::deliver_next(channel& on) {
  if (is_cut(on)) return held_up_.push_back(&on);
  const auto to = members_.find(on.to);
  if (on.messages.empty()) {
    // Closing, or cut short by a kill.
    if (!on.closing || on.closed) return;
    on.closed = true;
    if (to != members_.end()) to->second->on_closed(on.from);
    return;
  }
  const std::vector<std::byte> message = std::move(on.messages.front());
  on.messages.pop_front();
  if (to == members_.end()) return told_of_end(on.from, on.to);
  ++delivered_;
  to->second->on_message(on.from, message);
}

void network::close(channel& on) {
  if (std::exchange(on.closing, true)) return;
  on.last_ns = arrival(on);
  time_.at(on.last_ns, [this, &on] { deliver_next(on); });
}

void network::end(process_id process) {
  members_.erase(process);
  for (auto& [to, on] : channels_[process]) {
    // Some peers notice by themselves; all others when they are told.
    if (random_() % 2 == 0) close(on);
  }
}

std::vector<network::lost_message> network::kill(process_id process) {
  std::vector<lost_message> lost;
  for (auto& [to, on] : channels_[process]) {
    const std::size_t kept = random_() % (on.messages.size() + 1);
    while (on.messages.size() > kept) {
      lost.push_back({to, std::move(on.messages.back())});
      on.messages.pop_back();
    }
  }
  end(process);
  return lost;
}

void network::leave(process_id process) { end(process); }

void network::told_of_end(process_id listener, process_id ended) {
  if (!is_here(ended)) close(between(ended, listener));
}

void network::mend(wire::node_id one, wire::node_id other) {
  cuts_.erase(std::minmax(one, other));
  std::erase_if(held_up_, [this](channel* on) {
    if (is_cut(*on)) return false;
    on->last_ns = arrival(*on);
    time_.at(on->last_ns, [this, on] { deliver_next(*on); });
    return true;
  });
}

}  // namespace mobula::sim
