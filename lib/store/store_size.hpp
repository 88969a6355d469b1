#pragma once

#include <cstdint>
#include <string>

namespace mobula::store {

/// Bytes of memory that this process and its children may use: the machine's, or what its control
/// group (version 1 or 2, or a group above it) allows if that is less. 0 if neither can be read.
/// @param root  prefix of /proc and /sys; tests bring their own
std::uint64_t usable_memory_bytes(const std::string& root = "");

/// What a node's store may have unless told otherwise: 30 % of the usable memory, divided by the
/// logical nodes of this host.
std::uint64_t default_store_bytes(unsigned nodes_on_host, const std::string& root = "");

/// "1.5 GiB", "200 MiB", "12 bytes".
std::string bytes_in_words(std::uint64_t size);

}  // namespace mobula::store
