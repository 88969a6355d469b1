#include "core/room_table.hpp"

#include <algorithm>

#include "core/invariant.hpp"
#include "wire/codec.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

using wire::location;
using wire::process_id;

namespace {

// A block of no bytes has a place too: at the end of a room it is the next one's.
bool lies_in(const location& block, const location& room) {
  if (block.node != room.node || block.extent != room.extent || block.offset < room.offset)
    return false;
  const std::uint64_t inside = block.offset - room.offset;
  if (inside == 0) return block.size_bytes <= room.size_bytes;
  return inside < room.size_bytes && block.size_bytes <= room.size_bytes - inside;
}

}  // namespace

block_store::allocation room_table::give(process_id holder, const wire::store_allocate& request) {
  const std::uint64_t least = request.size_bytes;
  std::uint64_t size =
      std::max(least, std::min(request.slab_bytes, memory_.capacity_bytes() / slab_part));
  block_store::allocation made = memory_.allocate_near(request.numa_node, size);
  while (made.error && size > least) {
    size = std::max(size / 2, least);
    made = memory_.allocate_near(request.numa_node, size);
  }
  if (made.error) return made;
  const place where{made.where.extent, made.where.offset};
  const bool fresh = rooms_.emplace(where, room{made.where, holder, size > least, 0, 0}).second;
  invariant(fresh, "a new room is not in use", made.where.extent, made.where.offset);
  unused_bytes_ += size;
  return made;
}

room_table::table::iterator room_table::at(const location& block) {
  auto next = rooms_.upper_bound({block.extent, block.offset});
  if (next == rooms_.begin()) return rooms_.end();
  --next;
  return lies_in(block, next->second.where) ? next : rooms_.end();
}

const room_table::room* room_table::find(const location& block) const {
  const auto found = const_cast<room_table*>(this)->at(block);
  return found == rooms_.end() ? nullptr : &found->second;
}

bool room_table::take_back(process_id holder, const location& where) {
  const auto found = at(where);
  if (found == rooms_.end()) return false;
  const room& one = found->second;
  const bool whole = one.where.offset == where.offset && one.where.generation == where.generation;
  if (!whole || one.holder != holder || one.objects != 0) return false;
  remove(found);
  return true;
}

bool room_table::made(process_id maker, const location& block) {
  const auto found = at(block);
  if (found == rooms_.end()) return false;
  room& one = found->second;
  const bool full = one.objects_bytes + block.size_bytes > one.where.size_bytes;
  if (one.holder != maker || full || (!one.slab && one.objects != 0)) return false;
  ++one.objects;
  one.objects_bytes += block.size_bytes;
  unused_bytes_ -= block.size_bytes;
  return true;
}

void room_table::release(const location& block) {
  ++releases_;
  const auto found = at(block);
  if (found == rooms_.end()) return memory_.release(block);
  room& one = found->second;
  invariant(one.objects != 0, "what is released from a room was made there", block.extent,
            block.offset);
  --one.objects;
  one.objects_bytes -= block.size_bytes;
  unused_bytes_ += block.size_bytes;
  if (one.slab && one.holder) {
    wire::send(out_, one.holder, wire::store_freed{block});
  } else if (one.objects == 0) {
    remove(found);
  }
}

std::optional<std::span<std::byte>> room_table::bytes(const location& block) {
  const room* around = find(block);
  if (!around) return memory_.bytes(block);
  const auto whole = memory_.bytes(around->where);
  if (!whole) return std::nullopt;
  return whole->subspan(block.offset - around->where.offset, block.size_bytes);
}

void room_table::on_process_ended(process_id holder) {
  for (auto each = rooms_.begin(); each != rooms_.end();) {
    room& one = each->second;
    if (one.holder != holder) {
      ++each;
    } else if (one.objects == 0) {
      each = remove(each);
    } else {
      one.holder = {};
      ++each;
    }
  }
}

room_table::table::iterator room_table::remove(table::iterator gone) {
  ++releases_;
  const location where = gone->second.where;
  unused_bytes_ -= where.size_bytes - gone->second.objects_bytes;
  memory_.release(where);
  return rooms_.erase(gone);
}

std::uint64_t room_table::free_in_slabs_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [where, one] : rooms_)
    if (one.slab) sum += one.where.size_bytes - one.objects_bytes;
  return sum;
}

std::vector<process_id> room_table::slab_holders() const {
  std::vector<process_id> all;
  for (const auto& [where, one] : rooms_)
    if (one.slab && one.holder) all.push_back(one.holder);
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace mobula::core
