#pragma once

#include <cstddef>
#include <cstdint>

namespace mobula::ring {

/// What a node's rings may use. The scheduler process sets it; the others learn it when they join.
struct limits {
  /// Bytes of all rings of the node together. 128 processes that all talk to each other need
  /// 128 * 127 rings of 8 KiB, 127 MiB; as much again is left for growth. A pair that finds no
  /// room under it talks through the scheduler. Rings from and to the scheduler always get their
  /// first segment.
  std::int64_t node_bytes_max = std::int64_t{256} << 20;
  /// A ring that its producer has not used for this long is given up when the producer sleeps.
  std::uint64_t idle_ring_ns = 2'000'000'000;
};

/// Rings that end in one process. A pair beyond them talks through the scheduler. Slot 0 is the
/// scheduler's own.
inline constexpr std::uint32_t slots_of_process = 256;
/// Rings that end in the scheduler: one for each process of its node, so this bounds their number.
inline constexpr std::uint32_t slots_of_scheduler = 4096;

/// A ring's first segment, and its last: each is twice as large as the one before.
inline constexpr std::size_t segment_bytes_min = std::size_t{8} << 10;
inline constexpr std::size_t segment_bytes_max = std::size_t{1} << 20;

/// A message that claims to be larger is garbage.
inline constexpr std::uint64_t message_bytes_max = std::uint64_t{1} << 36;

/// `port::congested` says so once this much waits for room toward one process.
inline constexpr std::size_t backlog_bytes_congested = std::size_t{1} << 20;
/// A process that sleeps while messages wait for room looks now and then whether there is some:
/// soon at first, and half as often each time that there is none.
inline constexpr std::uint64_t backlog_nap_ns_min = 100'000;
inline constexpr std::uint64_t backlog_nap_ns_max = 10'000'000;

/// What one process shows to its scheduler without sending: the executor's page, with room for as
/// many attempts as may have begun. Pages that are not used take no memory.
inline constexpr std::size_t board_bytes = std::size_t{512} << 10;
/// And the page of its pins: what it reads in the node's store.
inline constexpr std::size_t pins_bytes = std::size_t{1} << 20;

}  // namespace mobula::ring
