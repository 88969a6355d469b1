#pragma once

#include <string>
#include <vector>

namespace mobula::detail {

/// What a worker was told of its leases beside their amounts. Set once, before user code runs.
struct own_lease {
  /// Whether it was started on cores that nobody else has.
  bool is_bound = false;
  /// The variables that were set for it to count threads by: all others are the user's.
  std::vector<std::string> counts;
};

inline own_lease& this_workers_lease() {
  static own_lease& only = *new own_lease;
  return only;
}

}  // namespace mobula::detail
