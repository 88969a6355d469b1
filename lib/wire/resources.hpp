#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mobula::wire {

/// Amounts of the resources of a node, of a demand, or of what is free; each in 1/10000 of a unit
/// (memory: in bytes). Sums and differences of these are exact.
struct resource_amounts {
  static constexpr std::int64_t unit = 10'000;

  std::int64_t cpus = 0;
  std::int64_t gpus = 0;
  std::int64_t memory_bytes = 0;
  /// Sorted by name, no name twice, no zero amount.
  std::vector<std::pair<std::string, std::int64_t>> custom;

  bool operator==(const resource_amounts&) const = default;
};

}  // namespace mobula::wire
