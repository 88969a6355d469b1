#include "core/object_slab.hpp"

#include <algorithm>
#include <utility>

#include "core/invariant.hpp"

namespace mobula::core {

object_slab::chunk& object_slab::available() {
  if (!available_.empty()) return chunks_[available_.back()];
  // A chunk whose memory was given back comes first: its index is not to be wasted.
  for (std::uint32_t i = 0; i < chunks_.size(); ++i) {
    chunk& one = chunks_[i];
    if (one.slots || one.generation_floor > generation_max) continue;
    one.slots = std::make_unique<object[]>(chunk_objects);
    one.listed = true;
    ++empty_;
    available_.push_back(i);
    return one;
  }
  const auto index = static_cast<std::uint32_t>(chunks_.size());
  invariant(index < (1U << (slot_bits - chunk_bits)), "more objects than sequences have slots",
            index);
  chunk& one = chunks_.emplace_back();
  one.slots = std::make_unique<object[]>(chunk_objects);
  one.listed = true;
  ++empty_;
  available_.push_back(index);
  return one;
}

object& object_slab::make(wire::process_id self, std::uint32_t job) {
  chunk& from = available();
  const auto chunk_index = available_.back();
  std::uint32_t index = 0;
  std::uint64_t generation = from.generation_floor;
  if (from.free_head != 0) {
    index = from.free_head - 1;
    from.free_head = std::exchange(from.slots[index].registered, 0);
    generation = from.slots[index].id.sequence() >> slot_bits;
  } else {
    index = from.fresh++;
  }
  object& record = from.slots[index];
  record.in_use = true;
  from.generation_top = std::max(from.generation_top, generation);
  if (from.live++ == 0) --empty_;
  ++live_;
  if (from.free_head == 0 && from.fresh == chunk_objects) {
    from.listed = false;
    available_.pop_back();
  }
  const std::uint64_t slot_number = std::uint64_t{chunk_index} << chunk_bits | index;
  record.id = wire::object_id{self, generation << slot_bits | slot_number};
  record.job = job;
  record.owned = true;
  return record;
}

object* object_slab::find(std::uint64_t sequence) const {
  const std::uint64_t number = sequence & ((std::uint64_t{1} << slot_bits) - 1);
  const std::uint64_t chunk_index = number >> chunk_bits;
  if (chunk_index >= chunks_.size() || !chunks_[chunk_index].slots) return nullptr;
  object& found = chunks_[chunk_index].slots[number & (chunk_objects - 1)];
  return found.in_use && found.id.sequence() == sequence ? &found : nullptr;
}

void object_slab::recycle(object& dead) {
  const std::uint64_t number = dead.id.sequence() & ((std::uint64_t{1} << slot_bits) - 1);
  const auto chunk_index = static_cast<std::uint32_t>(number >> chunk_bits);
  const auto index = static_cast<std::uint32_t>(number & (chunk_objects - 1));
  chunk& home = chunks_[chunk_index];
  invariant(&home.slots[index] == &dead && dead.in_use, "an object was freed twice",
            dead.id.sequence());
  --home.live;
  --live_;
  dead.in_use = dead.subscribed = dead.is_actor = dead.dead = false;
  const std::uint64_t generation = dead.id.sequence() >> slot_bits;
  if (generation == generation_max) {
    ++home.retired;
  } else {
    dead.id = wire::object_id{dead.id.owner(), (generation + 1) << slot_bits | number};
    dead.registered = home.free_head;
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
