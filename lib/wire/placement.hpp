#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/ids.hpp"

namespace mobula::wire {

/// Something that is said of a node, for those who ask for nodes of which it is said.
struct label {
  std::string key;
  std::string value;
  auto operator<=>(const label&) const = default;
  static void fields(auto& visit, auto& self) {
    visit(self.key);
    visit(self.value);
  }
};

enum class placement_kind : std::uint8_t {
  automatic = 1,  // near the arguments; else packed until half full, then spread
  spread = 2,     // on as many nodes as there are
  node = 3,       // on that one
  labels = 4,     // on one that has all of these
  group = 5,      // in a bundle of that group
};
constexpr bool is_known(placement_kind it) {
  return it >= placement_kind::automatic && it <= placement_kind::group;
}

/// Where a lease may be. Not a message; part of several.
struct placement {
  static constexpr std::uint32_t any_bundle = 0xffff'ffff;

  placement_kind how = placement_kind::automatic;
  bool soft = false;          // node: elsewhere if it has no room
  std::uint32_t node = 0;     // as the user has said it: perhaps no node at all
  std::vector<label> labels;  // sorted
  group_id group;
  std::uint32_t bundle = any_bundle;  // its number in the group

  bool operator==(const placement&) const = default;
  bool in_group() const { return how == placement_kind::group; }
  /// Whether a lease that may be here may be in that bundle.
  bool admits(group_id whose, std::uint32_t number) const {
    return in_group() && group == whose && (bundle == any_bundle || bundle == number);
  }

  static void fields(auto& visit, auto& self) {
    visit(self.how);
    if (self.how == placement_kind::node) {
      visit(self.soft);
      visit(self.node);
    } else if (self.how == placement_kind::labels) {
      visit(self.labels);
    } else if (self.how == placement_kind::group) {
      visit(self.group);
      visit(self.bundle);
    }
  }
};

/// How the bundles of a group lie to each other.
enum class group_strategy : std::uint8_t {
  pack = 1,           // on as few nodes as can be
  spread = 2,         // on as many as can be
  strict_pack = 3,    // on one node, or nowhere
  strict_spread = 4,  // each on a node of its own, or nowhere
};
constexpr bool is_known(group_strategy it) {
  return it >= group_strategy::pack && it <= group_strategy::strict_spread;
}

}  // namespace mobula::wire
