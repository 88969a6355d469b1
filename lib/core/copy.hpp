#pragma once

#include <cstdint>

#include "core/spill_disk.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// Where the bytes of a copy are.
///
///     memory --short of memory--> leaving --written--> disk --wanted--> returning --read--> memory
///                                 leaving --wanted meanwhile, or not written--> memory
enum class residence : std::uint8_t {
  memory,
  leaving,  // at its place still, and being written to disk
  disk,
  returning,  // being read from disk into its place
};

/// A copy of an object in a node's store.
struct copy {
  wire::object_id object;
  /// Where it was made. Everybody knows it by that for its life, wherever its bytes are.
  wire::location name;
  wire::location place;    // unless `disk`: the block that its bytes are in, or come into
  wire::process_id maker;  // unsealed: who tells its owner
  bool replica = false;    // brought here from another node, and not yet the only one
  bool offered = false;    // a replica: its owner is asked whether it may go
  bool wanted = false;     // leaving or offered: somebody has asked for it meanwhile
  residence is_in = residence::memory;
  /// 0: none. Kept when it is back in memory, so that it can leave without being written again.
  spill_disk::range range = 0;
  /// Its bytes can be read at its place.
  bool is_in_memory() const { return is_in == residence::memory || is_in == residence::leaving; }
  std::uint64_t used_ns = 0;  // when somebody was last known to use it

  // Of copy_order.
  copy* next = nullptr;
  copy* previous = nullptr;
};

/// Copies that could leave memory, the least recently used first. Intrusive: a copy is in at most
/// one.
class copy_order {
 public:
  copy* front() const { return first_; }
  void push_back(copy& one) {
    one.previous = last_;
    one.next = nullptr;
    (last_ ? last_->next : first_) = &one;
    last_ = &one;
  }
  void remove(copy& one) {
    (one.previous ? one.previous->next : first_) = one.next;
    (one.next ? one.next->previous : last_) = one.previous;
    one.next = one.previous = nullptr;
  }

 private:
  copy* first_ = nullptr;
  copy* last_ = nullptr;
};

}  // namespace mobula::core
