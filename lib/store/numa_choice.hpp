#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mobula::store {

/// How far the memory domains of a machine are from each other: row by row as the kernel tells it
/// (/sys/devices/system/node/node*/distance), 10 from each to itself, more to others.
using numa_distances = std::vector<std::vector<unsigned>>;

/// What a domain could give to one block: the largest that fits into memory that has been touched,
/// and the largest that fits into memory that has to be filled first.
struct domain_room {
  std::uint64_t warm_bytes = 0;
  std::uint64_t cold_bytes = 0;
};

struct numa_choice {
  unsigned domain = 0;
  bool warm = true;
  bool operator==(const numa_choice&) const = default;
};

/// Cold memory is filled at a third of the speed, at best.
inline constexpr unsigned cold_factor = 3;

/// Where a process on a domain gets a block of that size, best first: at the least distance, cold
/// memory counting three times as far as it is. So a neighbour's warm memory comes before own cold
/// memory, that of a domain three times as far does not. Among equals rather warm; then each domain
/// begins with the one behind it, so that not all lean on the first.
/// @param rooms  of each domain
std::vector<numa_choice> domains_to_try(const numa_distances& distances, unsigned domain,
                                        std::span<const domain_room> rooms,
                                        std::uint64_t size_bytes);

}  // namespace mobula::store
