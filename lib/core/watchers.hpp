#pragma once

#include <cstddef>
#include <vector>

#include "wire/ids.hpp"

namespace mobula::core {

/// Which nodes watch which: each is watched by the next living ones at three distances, 1, the cube
/// root of their number and its square.
///
/// So a whole row of neighbours that dies at once is noticed, and news that each node passes on to
/// its watchers reach ten thousand nodes in some sixty steps.
class watchers {
 public:
  explicit watchers(std::size_t nodes);

  /// Of a living node: at most three others, fewer if fewer live.
  std::vector<wire::node_id> of(wire::node_id node) const;
  /// The living nodes that a living one watches, in order.
  std::vector<wire::node_id> watched_by(wire::node_id node) const;
  void died(wire::node_id node) { alive_.at(node) = false; }
  bool is_alive(wire::node_id node) const { return node < alive_.size() && alive_[node]; }
  std::size_t nodes() const { return alive_.size(); }

 private:
  std::vector<bool> alive_;
  std::vector<std::size_t> distances_;
};

}  // namespace mobula::core
