#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "transport/ring/limits.hpp"

// How an arena looks in memory. Every process of a node runs the same binary, so the structs are
// the format. All of it starts as zeros.

namespace mobula::ring {

inline constexpr std::size_t line_bytes = 64;

/// One of the rings that end in an arena, as both of its ends see it.
struct slot_block {
  /// The producer's process id; 0: free. Claimed by compare-and-swap, freed by the consumer.
  alignas(line_bytes) std::atomic<std::uint64_t> owner;
  /// Bytes of segments that this ring has been charged for.
  std::atomic<std::int64_t> charged_bytes;
  /// How far the consumer has read. On a line of its own: the producer reads it only when it
  /// believes the ring to be full.
  alignas(line_bytes) std::atomic<std::uint64_t> head;
};
static_assert(sizeof(slot_block) == 2 * line_bytes);

/// The first page of an arena.
struct arena_header {
  static constexpr std::uint64_t magic_value = 0x31616c75626f6d61U;

  std::uint64_t magic;
  std::uint64_t process;  // whose arena it is
  std::uint32_t slot_count;
  std::uint32_t reserved;

  /// Counts wake-ups: what the sleeper's futex compares. Apart from the news, which every sender
  /// reads all the time.
  alignas(line_bytes) std::atomic<std::uint32_t> wake_sequence;
  /// Threads of the process that sleep, or are about to.
  std::atomic<std::uint32_t> asleep;

  /// Bytes of the rings that end here; far below 0 once the arena is given back.
  alignas(line_bytes) std::atomic<std::int64_t> ring_bytes;
  /// In the scheduler's arena only: the same of all arenas of the node, its limit, and the rest of
  /// `limits`.
  std::atomic<std::int64_t> node_ring_bytes;
  std::int64_t node_bytes_max;
  std::uint64_t idle_ring_ns;
  /// There too: how often blocks of the node's store have been moved under those who read it.
  std::atomic<std::uint64_t> store_moves;

  /// A bit for each slot. Set: the receiver looks at that ring by itself.
  alignas(line_bytes) std::atomic<std::uint64_t> news[slots_of_scheduler / 64];
};
inline constexpr std::size_t header_bytes = 4096;
static_assert(sizeof(arena_header) <= header_bytes);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

inline constexpr unsigned segment_count =
    std::countr_zero(segment_bytes_max) - std::countr_zero(segment_bytes_min) + 1;
constexpr std::size_t segment_bytes(unsigned index) { return segment_bytes_min << index; }
/// Where a segment begins in its slot's region: behind all smaller ones.
constexpr std::size_t segment_offset(unsigned index) {
  return segment_bytes_min * ((std::size_t{1} << index) - 1);
}
/// The virtual memory of one slot; pages are there only while their segment is in use.
inline constexpr std::size_t region_bytes = std::bit_ceil(segment_offset(segment_count));

inline constexpr std::size_t board_offset = header_bytes;
inline constexpr std::size_t pins_offset = board_offset + board_bytes;
inline constexpr std::size_t slots_offset = pins_offset + pins_bytes;
constexpr std::size_t regions_offset(std::uint32_t slot_count) {
  constexpr std::size_t alignment = std::size_t{64} << 10;
  const std::size_t end = slots_offset + slot_count * sizeof(slot_block);
  return (end + alignment - 1) / alignment * alignment;
}
constexpr std::size_t arena_bytes(std::uint32_t slot_count) {
  return regions_offset(slot_count) + slot_count * region_bytes;
}

enum class record_kind : std::uint8_t {
  message = 1,
  first,  // of a message in fragments: its size (8 bytes), then bytes
  middle,
  last,
  wrap,          // go on at the segment's beginning
  next_segment,  // go on in the next segment
  give_up,       // the producer leaves; nothing follows
};

/// The word before a record's payload. Never 0: a 0 is what stands behind the last record.
class record_header {
 public:
  constexpr record_header(record_kind kind, bool forwarded, std::uint32_t size)
      : word_{std::uint64_t{size} | std::uint64_t{static_cast<std::uint8_t>(kind)} << 32 |
              std::uint64_t{forwarded} << 40} {}
  constexpr explicit record_header(std::uint64_t word) : word_{word} {}

  constexpr std::uint64_t word() const { return word_; }
  constexpr std::uint32_t size() const { return static_cast<std::uint32_t>(word_); }
  constexpr record_kind kind() const { return static_cast<record_kind>(word_ >> 32 & 0xff); }
  /// The message begins with a route: it is from or to somebody else than the ring's ends.
  constexpr bool forwarded() const { return (word_ >> 40 & 1) != 0; }

 private:
  std::uint64_t word_;
};
inline constexpr std::size_t record_header_bytes = sizeof(std::uint64_t);

/// Bytes of a record with its header, padded so that the next header is aligned.
constexpr std::size_t record_bytes(std::size_t payload_bytes) {
  return (record_header_bytes + payload_bytes + 7) & ~std::size_t{7};
}

}  // namespace mobula::ring
