#include "core/watchers.hpp"

#include <algorithm>

namespace mobula::core {

watchers::watchers(std::size_t nodes) : alive_(nodes, true) {
  std::size_t root = 1;
  while (root * root * root < nodes) ++root;
  distances_ = {1, root, root * root};
}

std::vector<wire::node_id> watchers::of(wire::node_id node) const {
  std::vector<wire::node_id> found;
  for (const std::size_t distance : distances_) {
    for (std::size_t step = 0; step < nodes(); ++step) {
      const auto next = static_cast<wire::node_id>((node + distance + step) % nodes());
      if (next == node || !alive_[next] || std::ranges::count(found, next) != 0) continue;
      found.push_back(next);
      break;
    }
  }
  return found;
}

std::vector<wire::node_id> watchers::watched_by(wire::node_id node) const {
  // Whose search begins before the node passes over itself and two that it has found, at most.
  constexpr std::size_t passed_max = 3;
  std::vector<wire::node_id> found;
  for (const std::size_t distance : distances_) {
    std::size_t passed = 0;
    for (std::size_t step = 0; step < nodes() && passed <= passed_max; ++step) {
      const std::size_t begin = (node + nodes() - step) % nodes();
      if (step != 0 && alive_[begin]) ++passed;
      const auto other =
          static_cast<wire::node_id>((begin + nodes() - distance % nodes()) % nodes());
      if (other == node || !alive_[other] || std::ranges::count(found, other) != 0) continue;
      if (std::ranges::count(of(other), node) != 0) found.push_back(other);
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace mobula::core
