#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/numa_choice.hpp"
#include "wire/ids.hpp"

namespace mobula::store {

/// The memory domains of a machine that a process may use.
struct numa_topology {
  std::vector<wire::numa_node> nodes{0};  // the kernel's number of each domain
  numa_distances distances{{10}};
  /// By the kernel's number of any NUMA node, also of one without memory: the domain next to it.
  std::vector<unsigned> nearest{0};

  /// The domain next to a NUMA node. Of one that isn't known: the first.
  unsigned domain_of(wire::numa_node node) const {
    return node < nearest.size() ? nearest[node] : 0;
  }
};

/// As the kernel tells it; one domain if it doesn't.
/// @param root  prefix of /proc and /sys; tests bring their own
numa_topology numa_of_machine(const std::string& root = "");

/// Where the calling thread runs just now.
wire::numa_node numa_node_here();

/// Has the pages of a memory file that come from now on taken from that NUMA node, as long as it
/// has any, whoever touches them. @returns false if the system refuses (errno tells): then they
/// come from where they are touched
bool prefer_numa_node(int file, std::uint64_t size_bytes, wire::numa_node node);

}  // namespace mobula::store
