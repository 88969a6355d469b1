#pragma once

#include <cstdint>

namespace mobula::store {

/// MADV_POPULATE_WRITE, which is younger than the C libraries of old systems.
inline constexpr int advice_populate_write = 23;

/// Gives pages of a memory file their memory, so that who uses them first need not wait for it.
/// What they hold stays as it is, whoever writes there meanwhile. Maps them for that time only:
/// page tables are the store's second cost.
/// @param by_reading  tests only: the way of kernels that don't know MADV_POPULATE_WRITE (5.14)
/// @returns false if the system has no more memory, or refuses (errno tells)
bool populate(int file, std::uint64_t offset, std::uint64_t size_bytes, bool by_reading = false);

}  // namespace mobula::store
