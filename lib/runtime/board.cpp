#include "runtime/board.hpp"

#include <atomic>
#include <cstring>
#include <utility>

#include "core/invariant.hpp"

namespace mobula::detail {

struct board::entry {
  std::atomic<std::uint32_t> state;  // a begun_state; 0: free
  std::uint32_t attempt;
  wire::task_id task;
  wire::lease_id lease;
};

board::board(std::span<std::byte> page) : page_{page} {}

std::uint32_t board::capacity(std::size_t page_bytes) {
  return static_cast<std::uint32_t>(page_bytes / sizeof(entry));
}

board::entry& board::at(std::uint32_t slot) {
  core::invariant(slot < capacity(page_.size()), "the board has a place for each attempt", slot);
  return reinterpret_cast<entry*>(page_.data())[slot];
}

std::vector<core::begun_entry> board::read(std::span<const std::byte> page) {
  std::vector<core::begun_entry> found;
  for (std::uint32_t i = 0; i < capacity(page.size()); ++i) {
    entry one{};
    std::memcpy(static_cast<void*>(&one), page.data() + i * sizeof(entry), sizeof(entry));
    const auto state = one.state.load(std::memory_order_relaxed);
    if (state == 0) continue;
    found.push_back({one.lease, {one.task, one.attempt, static_cast<wire::begun_state>(state)}});
  }
  return found;
}

void board::begun(const core::attempt& one) {
  entry& mine = at(one.slot);
  if (over_ == &mine) over_ = nullptr;
  mine.task = one.push.task;
  mine.lease = one.push.lease;
  mine.attempt = one.push.attempt;
  mine.state.store(static_cast<std::uint32_t>(wire::begun_state::running),
                   std::memory_order_release);
}

void board::suspended(const core::attempt& one) {
  at(one.slot).state.store(static_cast<std::uint32_t>(wire::begun_state::suspended),
                           std::memory_order_release);
}

void board::resumed(const core::attempt& one) {
  at(one.slot).state.store(static_cast<std::uint32_t>(wire::begun_state::running),
                           std::memory_order_release);
}

void board::ended(const core::attempt& one) {
  settle();
  over_ = &at(one.slot);
}

void board::settle() {
  if (over_) std::exchange(over_, nullptr)->state.store(0, std::memory_order_release);
}

}  // namespace mobula::detail
