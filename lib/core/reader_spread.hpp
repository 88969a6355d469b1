#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "wire/ids.hpp"

namespace mobula::core {

/// Decides for one copy of an object which of the nodes that ask for it read it here, and which are
/// referred to those that asked before. Each node spreads its own readers in this way, so a
/// broadcast becomes a tree that nobody plans.
///
/// Of n who ask at most ceil(log2 n) read here, and not more than two at a time; the others are
/// dealt out evenly among these. With the first and the third always here, the tree over n
/// readers is at most ceil(log2 n) + 1 deep.
class reader_spread {
 public:
  struct referral {
    wire::node_id node = 0;
    std::uint32_t level = 0;  // as that node said
  };
  /// @param active   readers that are reading here, or wait here for the object to come
  /// @param insists  it comes back from a node that it was referred to
  /// @return nothing: it reads here
  std::optional<referral> ask(wire::node_id reader, std::uint32_t level, std::size_t active,
                              bool insists);
  /// That node can't be referred to any more.
  void forget(wire::node_id node);

  std::size_t granted() const { return granted_; }

 private:
  static constexpr std::size_t active_max = 2;
  struct child {
    referral where;
    std::uint64_t load = 0;  // referred to it so far, and itself
  };
  void adopt(wire::node_id reader, std::uint32_t level);

  std::uint64_t asked_ = 0;
  std::uint64_t granted_ = 0;
  std::vector<child> children_;
};

}  // namespace mobula::core
