#pragma once

#include <cstdint>
#include <vector>

#include "core/core_books.hpp"
#include "hardware/machine.hpp"
#include "hardware/thread_set.hpp"

namespace mobula::detail {

/// The cores of a node where its workers may run: where each lies, for the books, and which
/// hardware threads it is, for the processes.
class node_cores {
 public:
  node_cores() = default;
  /// @param here   whose cores those next to each other are close together
  /// @param mine   hardware threads of the node that its workers may use
  node_cores(const hardware::machine& here, const hardware::thread_set& mine);

  std::size_t size() const { return cores_.size(); }
  /// @param near_gpus  the hardware threads next to each of the node's GPUs, in their order
  std::vector<core::core_place> places(const std::vector<hardware::thread_set>& near_gpus) const;
  /// Of no cores: all of them.
  hardware::thread_set threads_of(const core::core_set& cores) const;

 private:
  std::vector<hardware::core> cores_;  // of each, the threads that are the node's
};

}  // namespace mobula::detail
