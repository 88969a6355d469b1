#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "core/fetch_limits.hpp"
#include "wire/ids.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// Whose turn it is to ask another node for something, within the budgets of bytes.
///
/// The most urgent first; among equals one of each holder in turn, and there one of each fetch.
class fetch_queue {
 public:
  explicit fetch_queue(fetch_limits limits);

  /// That fetch can ask that node. It stands here until its turn, also if it has ended meanwhile.
  void add(std::uint64_t token, wire::node_id holder, wire::fetch_urgency urgency);
  /// Nothing: nobody waits, or there is no room.
  std::optional<std::uint64_t> next();

  void started(wire::node_id holder, std::uint64_t bytes);
  void ended(wire::node_id holder, std::uint64_t bytes);
  std::uint64_t bytes_in_flight() const { return bytes_in_flight_; }

 private:
  static constexpr std::size_t urgencies = 3;
  /// A node that is read from, or was.
  struct holder_queue {
    std::uint64_t bytes_in_flight = 0;
    std::array<std::deque<std::uint64_t>, urgencies> waiting;
    std::array<bool, urgencies> queued{};  // stands in `turn_`
  };
  bool has_room(std::uint64_t in_flight, std::uint64_t limit) const;
  void queue(wire::node_id node, holder_queue& one, std::size_t urgency);

  fetch_limits limits_;
  std::uint64_t piece_bytes_;  // the largest
  std::map<wire::node_id, holder_queue> holders_;
  std::array<std::deque<wire::node_id>, urgencies> turn_;
  std::uint64_t bytes_in_flight_ = 0;
};

}  // namespace mobula::core
