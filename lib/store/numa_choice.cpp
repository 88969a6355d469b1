#include "store/numa_choice.hpp"

#include <algorithm>
#include <tuple>

#include "wire/invariant.hpp"

namespace mobula::store {

std::vector<numa_choice> domains_to_try(const numa_distances& distances, unsigned domain,
                                        std::span<const domain_room> rooms,
                                        std::uint64_t size_bytes) {
  const auto count = static_cast<unsigned>(rooms.size());
  wire::insist(distances.size() == count && domain < count && distances[domain].size() == count,
               "every domain has its distances", count, domain);
  std::vector<numa_choice> all;
  for (unsigned one = 0; one < count; ++one) {
    if (rooms[one].warm_bytes >= size_bytes) all.push_back({one, true});
    if (rooms[one].cold_bytes >= size_bytes) all.push_back({one, false});
  }
  std::ranges::sort(all, {}, [&](const numa_choice& one) {
    const unsigned distance = distances[domain][one.domain] * (one.warm ? 1 : cold_factor);
    return std::tuple{distance, !one.warm, (one.domain + count - domain) % count};
  });
  return all;
}

}  // namespace mobula::store
