#pragma once

#include <unordered_set>

#include "core/peer_nodes.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// When the job ends in order: once every driver has asked for it.
///
/// A node's scheduler hears the drivers of its node, then asks that of node 0 in their name; that
/// one hears its own drivers and those schedulers. What it does then is the scheduler's business.
class end_agreement {
 public:
  explicit end_agreement(const peer_nodes& nodes);

  /// @returns whether now, by this one, all have asked of whom this scheduler hears
  bool asked(wire::process_id by);

 private:
  std::unordered_set<wire::process_id> missing_;
};

}  // namespace mobula::core
