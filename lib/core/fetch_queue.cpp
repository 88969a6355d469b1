#include "core/fetch_queue.hpp"

#include <algorithm>

#include "core/invariant.hpp"

namespace mobula::core {

namespace {

std::size_t index_of(wire::fetch_urgency urgency) { return static_cast<std::size_t>(urgency) - 1; }

}  // namespace

fetch_queue::fetch_queue(fetch_limits limits)
    : limits_{limits},
      piece_bytes_{
          std::max<std::uint64_t>({limits.whole_bytes, limits.part_bytes, limits.chunk_bytes})} {}

// One piece may always be under way: a budget that is too small makes it slow, not stuck.
bool fetch_queue::has_room(std::uint64_t in_flight, std::uint64_t limit) const {
  return in_flight == 0 || in_flight + piece_bytes_ <= limit;
}

void fetch_queue::add(std::uint64_t token, wire::node_id node, wire::fetch_urgency urgency) {
  holder_queue& one = holders_[node];
  one.waiting[index_of(urgency)].push_back(token);
  queue(node, one, index_of(urgency));
}

void fetch_queue::queue(wire::node_id node, holder_queue& one, std::size_t urgency) {
  if (one.queued[urgency] || one.waiting[urgency].empty()) return;
  if (!has_room(one.bytes_in_flight, limits_.bytes_a_holder)) return;
  one.queued[urgency] = true;
  turn_[urgency].push_back(node);
}

std::optional<std::uint64_t> fetch_queue::next() {
  if (!has_room(bytes_in_flight_, limits_.bytes_in_all)) return std::nullopt;
  for (std::size_t urgency = 0; urgency < urgencies; ++urgency) {
    auto& turn = turn_[urgency];
    while (!turn.empty()) {
      const wire::node_id node = turn.front();
      turn.pop_front();
      holder_queue& one = holders_[node];
      one.queued[urgency] = false;
      // It comes back when something of it has ended.
      if (!has_room(one.bytes_in_flight, limits_.bytes_a_holder)) continue;
      const std::uint64_t token = one.waiting[urgency].front();
      one.waiting[urgency].pop_front();
      queue(node, one, urgency);
      return token;
    }
  }
  return std::nullopt;
}

void fetch_queue::started(wire::node_id node, std::uint64_t bytes) {
  holders_[node].bytes_in_flight += bytes;
  bytes_in_flight_ += bytes;
}

void fetch_queue::ended(wire::node_id node, std::uint64_t bytes) {
  holder_queue& one = holders_[node];
  invariant(one.bytes_in_flight >= bytes && bytes_in_flight_ >= bytes, "bytes in flight add up",
            one.bytes_in_flight, bytes_in_flight_);
  one.bytes_in_flight -= bytes;
  bytes_in_flight_ -= bytes;
  for (std::size_t urgency = 0; urgency < urgencies; ++urgency) queue(node, one, urgency);
}

}  // namespace mobula::core
