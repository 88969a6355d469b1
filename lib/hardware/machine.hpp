#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hardware/thread_set.hpp"

namespace mobula::hardware {

/// One core: what a whole cpu of a lease stands for.
struct core {
  thread_set threads;      // its hardware threads, by the kernel's numbers
  unsigned numa_node = 0;  // by the kernel's number
  unsigned package = 0;    // from 0
  /// Cores that share the smallest thing that cores share here (a cache, most often) have the same
  /// number.
  unsigned group = 0;
  /// Of machines whose cores differ: more is faster. 0 on all others.
  unsigned kind = 0;

  bool operator==(const core&) const = default;
};

/// Memory next to some of the cores.
struct memory_domain {
  unsigned numa_node = 0;  // by the kernel's number
  std::uint64_t size_bytes = 0;
  bool operator==(const memory_domain&) const = default;
};

/// What a cache of each level holds.
struct cache_level {
  unsigned level = 0;
  std::uint64_t size_bytes = 0;
  unsigned count = 0;
  bool operator==(const cache_level&) const = default;
};

/// A device on the PCI bus that may be a GPU, and the hardware threads next to it.
struct pci_device {
  std::string address;  // "0000:3b:00.0", small letters
  thread_set near;
  unsigned numa_node = 0;
};

/// What a machine is made of, as far as this process may use it.
struct machine {
  std::vector<core> cores;  // those next to each other are close together
  std::vector<memory_domain> memory;
  std::vector<cache_level> caches;  // largest level last
  std::vector<pci_device> devices;  // if they were looked for
  /// Whether it is the machine that this process runs on, whose threads can be bound.
  bool is_here = true;

  std::uint64_t memory_bytes() const;
  unsigned packages() const;
  /// All hardware threads.
  thread_set threads() const;
};

enum class look_for : std::uint8_t {
  cores,
  cores_and_devices,  // takes four times as long
};

/// Asks hwloc.
/// @param source  empty: this machine. Otherwise another one: hwloc's synthetic notation
/// ("package:2
///                numa:1 core:32 pu:2") or the path of a file of hwloc's XML (lstopo --of xml)
/// @param refusal why there is none, and what to do; only where a source is given or hwloc can't
///                read this machine
/// @returns no cores if it was refused
machine read_machine(std::string_view source, look_for what, std::string& refusal);

/// Of its interface: "2.8.0".
std::string hwloc_version();

}  // namespace mobula::hardware
