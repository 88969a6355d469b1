#pragma once

#include <unordered_set>

#include "wire/ids.hpp"

namespace mobula::core {

/// Who has ended, as far as was heard. A scheduler's end is that of its whole node. Ids are never
/// reused, so nobody leaves the set. Looks nothing up while it is empty.
class ended_processes {
 public:
  /// False: it was told before.
  bool add(wire::process_id ended) { return all_.insert(ended).second; }
  bool has(wire::process_id process) const {
    return !all_.empty() && (all_.contains(process) ||
                             all_.contains(wire::process_id::scheduler_of(process.node())));
  }

 private:
  std::unordered_set<wire::process_id> all_;
};

}  // namespace mobula::core
