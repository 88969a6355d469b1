#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "transport/ring/descriptor.hpp"
#include "transport/ring/layout.hpp"
#include "transport/ring/mapping.hpp"
#include "wire/ids.hpp"

namespace mobula::ring {

/// The memory in which the rings that end in this process lie: one sparse memfd, so that nothing
/// has a name that could be left behind.
class arena {
 public:
  /// Throws std::system_error if the kernel refuses.
  arena(wire::process_id process, std::uint32_t slot_count);

  arena_header& header() const { return *reinterpret_cast<arena_header*>(map_.begin()); }
  std::uint32_t slot_count() const { return slot_count_; }
  slot_block& slot(std::uint32_t index) const {
    return reinterpret_cast<slot_block*>(map_.begin() + slots_offset)[index];
  }
  std::byte* region(std::uint32_t index) const {
    return map_.begin() + regions_offset(slot_count_) + index * region_bytes;
  }
  std::span<std::byte, board_bytes> board() const {
    return std::span<std::byte, board_bytes>{map_.begin() + board_offset, board_bytes};
  }
  std::span<std::byte, pins_bytes> pins() const {
    return std::span<std::byte, pins_bytes>{map_.begin() + pins_offset, pins_bytes};
  }
  int memory() const { return memory_.number(); }

  /// Gives a segment's pages back to the kernel; they read as zeros again.
  void punch_segment(std::uint32_t slot, unsigned segment);
  /// The same for all segments of a slot.
  void punch_region(std::uint32_t slot);

 private:
  void punch(std::size_t offset, std::size_t size);

  std::uint32_t slot_count_;
  descriptor memory_;
  mapping map_;
};

/// Another process's arena, as its senders see it: its first pages, and the region of one slot.
class peer_arena {
 public:
  peer_arena() = default;
  /// Empty if the memory is not an arena of `process`.
  /// @param wake  the event descriptor of a process that sleeps in epoll; -1: it sleeps on a futex
  peer_arena(descriptor memory, descriptor wake, wire::process_id process);

  explicit operator bool() const { return static_cast<bool>(front_); }
  arena_header& header() const { return *reinterpret_cast<arena_header*>(front_.begin()); }

  std::span<const std::byte, pins_bytes> pins() const {
    return std::span<const std::byte, pins_bytes>{front_.begin() + pins_offset, pins_bytes};
  }

  /// Until `map_region`.
  int memory() const { return memory_.number(); }

  /// Takes a slot for `sender`; slot 0 is the scheduler's. False: all are taken.
  bool claim(wire::process_id sender);
  /// Maps the claimed slot's region; the memory's descriptor isn't needed afterwards.
  bool map_region();
  /// Undoes `claim`.
  void unclaim() { slot().owner.store(0); }

  slot_block& slot() const {
    return reinterpret_cast<slot_block*>(front_.begin() + slots_offset)[slot_];
  }
  std::byte* region() const { return region_.begin(); }

  /// After something was put where the process looks before it sleeps: wakes those who had looked.
  void wake() const;

  /// Tells the receiver that the ring has news, unless it looks there by itself.
  void tell() const {
    std::atomic<std::uint64_t>& news = header().news[slot_ / 64];
    if ((news.load(std::memory_order_seq_cst) & bit_) == 0) tell_slowly(news);
  }

 private:
  void tell_slowly(std::atomic<std::uint64_t>& news) const;

  descriptor memory_;
  descriptor wake_;
  mapping front_;
  mapping region_;
  std::uint32_t slot_ = 0;
  std::uint64_t bit_ = 1;
};

}  // namespace mobula::ring
