#include "core/object_slab.hpp"

#include <algorithm>

#include "core/invariant.hpp"

namespace mobula::core {

object_slab::chunk& object_slab::available() {
  if (!available_.empty()) return chunks_[available_.back()];
  // A chunk whose memory was given back comes first: its index is not to be wasted.
  for (std::uint32_t i = 0; i < chunks_.size(); ++i) {
    chunk& one = chunks_[i];
    if (one.slots || one.generation_floor > generation_max) continue;
    one.slots = std::make_unique<slot[]>(chunk_objects);
    one.listed = true;
    ++empty_;
    available_.push_back(i);
    return one;
  }
  const auto index = static_cast<std::uint32_t>(chunks_.size());
  invariant(index < (1U << (slot_bits - chunk_bits)), "more objects than sequences have slots",
            index);
  chunk& one = chunks_.emplace_back();
  one.slots = std::make_unique<slot[]>(chunk_objects);
  one.listed = true;
  ++empty_;
  available_.push_back(index);
  return one;
}

object& object_slab::make(wire::process_id self) {
  chunk& from = available();
  const auto chunk_index = available_.back();
  std::uint32_t index = 0;
  if (from.free_head != 0) {
    index = from.free_head - 1;
    from.free_head = from.slots[index].next_free;
  } else {
    index = from.fresh++;
    from.slots[index].generation = from.generation_floor;
  }
  slot& taken = from.slots[index];
  taken.used = true;
  from.generation_top = std::max(from.generation_top, taken.generation);
  if (from.live++ == 0) --empty_;
  ++live_;
  if (from.free_head == 0 && from.fresh == chunk_objects) {
    from.listed = false;
    available_.pop_back();
  }
  const std::uint64_t slot_number = std::uint64_t{chunk_index} << chunk_bits | index;
  object& record = taken.record;
  record.id = wire::object_id{self, taken.generation << slot_bits | slot_number};
  record.owned = true;
  return record;
}

object* object_slab::find(std::uint64_t sequence) const {
  const std::uint64_t number = sequence & ((std::uint64_t{1} << slot_bits) - 1);
  const std::uint64_t chunk_index = number >> chunk_bits;
  if (chunk_index >= chunks_.size() || !chunks_[chunk_index].slots) return nullptr;
  slot& found = chunks_[chunk_index].slots[number & (chunk_objects - 1)];
  if (!found.used || found.generation != sequence >> slot_bits) return nullptr;
  return &found.record;
}

void object_slab::recycle(object& dead) {
  const std::uint64_t number = dead.id.sequence() & ((std::uint64_t{1} << slot_bits) - 1);
  const auto chunk_index = static_cast<std::uint32_t>(number >> chunk_bits);
  const auto index = static_cast<std::uint32_t>(number & (chunk_objects - 1));
  chunk& home = chunks_[chunk_index];
  slot& given = home.slots[index];
  invariant(&given.record == &dead && given.used, "an object was freed twice", dead.id.sequence());
  given.used = false;
  --home.live;
  --live_;
  dead.registered = 0;
  dead.subscribed = dead.is_actor = dead.dead = false;
  if (given.generation == generation_max) {
    ++home.retired;
  } else {
    ++given.generation;
    given.next_free = home.free_head;
    home.free_head = index + 1;
    if (!home.listed) {
      home.listed = true;
      available_.push_back(chunk_index);
    }
  }
  if (home.live != 0) return;
  // A few stay for the next objects; what a burst has left behind does not.
  if (empty_ == empty_kept_max) {
    give_back(chunk_index);
  } else {
    ++empty_;
  }
}

void object_slab::give_back(std::uint32_t index) {
  chunk& empty = chunks_[index];
  std::erase(available_, index);
  const std::uint64_t floor = empty.generation_top + 1;
  empty = {};
  empty.generation_floor = empty.generation_top = floor;
}

}  // namespace mobula::core
