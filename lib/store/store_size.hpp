#pragma once

#include <cstdint>
#include <string>

#include "store/variable_lookup.hpp"
#include "wire/bytes_in_words.hpp"

namespace mobula::store {

struct host_memory {
  /// That this process and its children may use in all: the machine's, or what its control group
  /// (version 1 or 2, or a group above it) or Slurm allows if that is less. 0: it can't be read.
  std::uint64_t usable_bytes = 0;
  /// That the machine has left now. 0: it can't be read.
  std::uint64_t available_bytes = 0;
};

/// @param root  prefix of /proc and /sys; tests bring their own
host_memory memory_of_host(const variable_lookup& variable = {}, const std::string& root = "");

/// Who shares the memory.
struct store_share {
  unsigned nodes_on_host = 1;
  /// Of the node, that map the store. Each has page tables for it, 1/512 of what it touches.
  unsigned processes = 1;
};

/// Results that don't travel in messages are larger than this together: there must be room for
/// those of one task.
inline constexpr std::uint64_t store_bytes_min = std::uint64_t{16} << 20;

/// The most that a node's store may have: its share of the memory without the page tables. 0: that
/// can't be told.
std::uint64_t largest_store_bytes(const host_memory& host, const store_share& share);

/// What a node's store may have unless told otherwise: with its page tables 30 % of the usable
/// memory, divided by the logical nodes of this host; less if the machine has not that much left.
std::uint64_t default_store_bytes(const host_memory& host, const store_share& share);

struct store_size {
  std::uint64_t bytes = 0;
  std::string refusal;  // why there can't be such a store, and the number to set; empty: there can
};
/// @param asked_bytes  0: the default
store_size choose_store_size(std::uint64_t asked_bytes, const host_memory& host,
                             const store_share& share);

using wire::bytes_in_words;

}  // namespace mobula::store
