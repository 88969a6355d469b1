#include "transport/ring/arena.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "transport/ring/wake.hpp"

namespace mobula::ring {

namespace {

[[noreturn]] void refuse(const char* what) {
  throw std::system_error{errno, std::generic_category(), what};
}

descriptor make_memory(std::size_t size) {
  descriptor memory{::memfd_create("mobula-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!memory) refuse("memfd_create for the rings of a process");
  if (::ftruncate(memory.number(), static_cast<off_t>(size)) != 0) {
    refuse("size of the memory for the rings of a process");
  }
  // Who maps it relies on its size.
  if (::fcntl(memory.number(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    refuse("sealing the memory for the rings of a process");
  }
  return memory;
}

}  // namespace

arena::arena(wire::process_id process, std::uint32_t slot_count)
    : slot_count_{slot_count},
      memory_{make_memory(arena_bytes(slot_count))},
      map_{memory_.number(), 0, arena_bytes(slot_count)} {
  if (!map_) refuse("mapping the memory for the rings of a process");
  header().magic = arena_header::magic_value;
  header().process = process.bits();
  header().slot_count = slot_count;
}

void arena::punch_segment(std::uint32_t slot, unsigned segment) {
  punch(static_cast<std::size_t>(region(slot) - map_.begin()) + segment_offset(segment),
        segment_bytes(segment));
}

void arena::punch_region(std::uint32_t slot) {
  punch(static_cast<std::size_t>(region(slot) - map_.begin()), region_bytes);
}

void arena::punch(std::size_t offset, std::size_t size) {
  if (::fallocate(memory_.number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(offset), static_cast<off_t>(size)) != 0) {
    refuse("giving the memory of a ring back");
  }
}

peer_arena::peer_arena(descriptor memory, descriptor wake, wire::process_id process)
    : memory_{std::move(memory)}, wake_{std::move(wake)} {
  struct stat seen {};
  if (!memory_ || ::fstat(memory_.number(), &seen) != 0) return;
  if (static_cast<std::size_t>(seen.st_size) < arena_bytes(1)) return;
  mapping front{memory_.number(), 0, header_bytes};
  if (!front) return;
  const auto& header = *reinterpret_cast<const arena_header*>(front.begin());
  const std::uint32_t slots = header.slot_count;
  if (header.magic != arena_header::magic_value || header.process != process.bits()) return;
  if (slots == 0 || slots > slots_of_scheduler) return;
  if (static_cast<std::size_t>(seen.st_size) != arena_bytes(slots)) return;
  front_ = mapping{memory_.number(), 0, regions_offset(slots)};
}

bool peer_arena::claim(wire::process_id sender) {
  const std::uint32_t slots = header().slot_count;
  const std::uint32_t start = sender.is_scheduler() ? 0 : 1;
  const std::uint32_t end = sender.is_scheduler() ? 1 : slots;
  for (std::uint32_t i = start; i < end; ++i) {
    // Begin where others of this node probably don't.
    slot_ = start + (sender.incarnation() + i) % (end - start);
    std::uint64_t free = 0;
    if (slot().owner.load(std::memory_order_relaxed) == 0 &&
        slot().owner.compare_exchange_strong(free, sender.bits())) {
      bit_ = std::uint64_t{1} << slot_ % 64;
      return true;
    }
  }
  return false;
}

bool peer_arena::map_region() {
  region_ = mapping{memory_.number(), regions_offset(header().slot_count) + slot_ * region_bytes,
                    region_bytes};
  memory_ = descriptor{};
  return static_cast<bool>(region_);
}

void peer_arena::tell_slowly(std::atomic<std::uint64_t>& news) const {
  news.fetch_or(bit_, std::memory_order_seq_cst);
  wake();
}

void peer_arena::wake() const {
  // A sleeper counts itself in before it looks for the last time.
  if (header().asleep.load(std::memory_order_seq_cst) == 0) return;
  header().wake_sequence.fetch_add(1, std::memory_order_seq_cst);
  if (wake_) {
    event_wake(wake_.number());
  } else {
    futex_wake(header().wake_sequence);
  }
}

}  // namespace mobula::ring
