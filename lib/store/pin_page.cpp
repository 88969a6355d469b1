#include "store/pin_page.hpp"

#include <algorithm>

#include "wire/invariant.hpp"

namespace mobula::store {

namespace {

using word = std::atomic<std::uint64_t>;
static_assert(word::is_always_lock_free && sizeof(word) == sizeof(std::uint64_t));

constexpr int offset_bits = 44;

// Never 0. Where a block is tells it from all others for as long as it is pinned.
std::uint64_t word_of(const wire::location& block) {
  return (std::uint64_t{block.extent} << offset_bits | block.offset / 64) + 1;
}

// Whatever a process wrote there, nothing beyond its page is read.
template <class Visit>
void for_each_pin(std::span<const std::byte> page, Visit&& visit) {
  const std::span<const word> all{reinterpret_cast<const word*>(page.data()),
                                  page.size() / sizeof(word)};
  const std::uint64_t used =
      std::min<std::uint64_t>(all[0].load(std::memory_order_seq_cst), all.size() - 1);
  for (std::uint64_t i = 1; i <= used; ++i) {
    if (const std::uint64_t one = all[i].load(std::memory_order_seq_cst)) visit(one);
  }
}

}  // namespace

pin_page::pin_page(std::span<std::byte> page)
    : words_{reinterpret_cast<word*>(page.data()), page.size() / sizeof(word)} {}

std::optional<std::uint32_t> pin_page::pin(const wire::location& block) {
  std::uint32_t number = next_;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
  } else if (number + 1 < words_.size()) {
    words_[0].store(++next_, std::memory_order_release);
  } else {
    return std::nullopt;
  }
  // Seen by a scheduler that reads the page from here on, or it has counted before.
  words_[number + 1].store(word_of(block), std::memory_order_seq_cst);
  return number;
}

void pin_page::unpin(std::uint32_t number) {
  wire::insist(number < next_ && words_[number + 1].load(std::memory_order_relaxed) != 0,
               "only a pin is taken out", number);
  words_[number + 1].store(0, std::memory_order_release);
  free_.push_back(number);
}

void pinned_blocks::add(std::span<const std::byte> page) {
  for_each_pin(page, [this](std::uint64_t one) { words_.insert(one); });
}

bool pinned_blocks::contains(const wire::location& block) const {
  return words_.contains(word_of(block));
}

void block_readers::add(wire::process_id process, std::span<const std::byte> page) {
  for_each_pin(page, [&](std::uint64_t one) { by_word_[one].push_back(process); });
}

std::vector<wire::process_id> block_readers::of(const wire::location& block) const {
  const auto found = by_word_.find(word_of(block));
  return found == by_word_.end() ? std::vector<wire::process_id>{} : found->second;
}

}  // namespace mobula::store
