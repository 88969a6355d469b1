#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/device_books.hpp"
#include "core/resources.hpp"
#include "wire/ids.hpp"
#include "wire/placement.hpp"
#include "wire/resources.hpp"

namespace mobula::core {

/// A place that bundles can be put into: a seat of a node, or all that is known of a node.
struct plan_room {
  wire::node_id node = 0;
  wire::resource_amounts total;
  wire::resource_amounts free;
  device_books devices;
  resource_set claimed = 0;  // others wait there for these: nothing that asks for one goes there

  bool has(const wire::resource_amounts& amounts) const {
    return (kinds_of(amounts) & claimed) == 0 && fits(amounts, free) &&
           devices.find(amounts.gpus).has_value();
  }
  /// What it has room for. @returns the devices of it
  device_set put(const wire::resource_amounts& amounts);
};

struct planned_bundle {
  wire::resource_amounts amounts;
  std::optional<wire::node_id> fixed = {};  // it is there already, and not in the rooms
};

/// Where the bundles of a group go.
struct group_plan {
  std::optional<std::vector<wire::node_id>> nodes;  // of each bundle; nothing: none was found
  /// Whether there is none, if none was found: of many bundles that almost fit it is not known.
  bool is_certain = true;
};

/// Looks for one, as the strategy says; of several the emptier nodes.
/// @param thorough  it is worth some time to find one; else none need be found, nor that be certain
group_plan plan_group(wire::group_strategy how, std::span<const planned_bundle> bundles,
                      std::vector<plan_room> rooms, bool thorough = true);

}  // namespace mobula::core
