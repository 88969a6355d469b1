#pragma once

#include <cstdint>

#include "core/core_books.hpp"
#include "core/device_books.hpp"

namespace mobula::core {

/// What a worker process has, for its life: it takes leases of just that.
struct process_set {
  device_set devices;     // the GPUs that it sees
  core_set cores;         // where it runs; none: on any that the node's workers have
  std::int64_t cpus = 0;  // of its leases
  bool operator==(const process_set&) const = default;

  /// What any task could run on, if need be.
  bool is_plain() const { return devices.empty(); }
};

}  // namespace mobula::core
