#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/object.hpp"

namespace mobula::core {

/// The records of the objects that this process owns, found by their sequence without hashing.
///
/// A sequence is generation << 28 | slot. A slot's generation rises with each use, so no sequence
/// is ever used twice; a slot whose generations are used up is retired. Records never move. Memory
/// of chunks that are empty is given back.
///
/// A slot is nothing but its record. While that is free, its id has the next generation, and
/// `registered` is 1 + the index of the next free one, or 0.
class object_slab {
 public:
  static constexpr int slot_bits = 28;
  static constexpr std::uint64_t generation_max = (std::uint64_t{1} << 20) - 1;

  /// A fresh record with its id and job set.
  object& make(wire::process_id self, std::uint32_t job);
  /// The live record of that sequence, or null.
  object* find(std::uint64_t sequence) const;
  /// The record's slot may be used again. It holds no value any more.
  void recycle(object& dead);

  std::size_t live() const { return live_; }

  /// Calls function(object&) for each live record; it may free any of them, but make none.
  template <class Function>
  void for_each(Function&& function) {
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      for (std::uint32_t j = 0; chunks_[i].slots && j < chunks_[i].fresh; ++j)
        if (chunks_[i].slots[j].in_use) function(chunks_[i].slots[j]);
    }
  }

 private:
  static constexpr std::uint32_t chunk_bits = 12;
  static constexpr std::uint32_t chunk_objects = 1U << chunk_bits;

  struct chunk {
    std::unique_ptr<object[]> slots;
    std::uint32_t live = 0;
    std::uint32_t retired = 0;
    std::uint32_t fresh = 0;      // slots from here on were never used in this life of the chunk
    std::uint32_t free_head = 0;  // 1 + index of the first slot in the free list
    bool listed = false;          // in available_
    std::uint64_t generation_floor = 0;  // first generation of fresh slots
    std::uint64_t generation_top = 0;    // highest generation used
  };

  chunk& available();
  void give_back(std::uint32_t index);

  std::vector<chunk> chunks_;
  std::vector<std::uint32_t> available_;  // chunks with room, the one in use last
  std::size_t live_ = 0;
  static constexpr std::uint32_t empty_kept_max = 4;
  std::uint32_t empty_ = 0;  // chunks with memory and without live objects
};

}  // namespace mobula::core
