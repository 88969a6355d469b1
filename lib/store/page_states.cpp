#include "store/page_states.hpp"

#include <algorithm>
#include <bit>

namespace mobula::store {

namespace {

constexpr std::uint64_t page = page_states::page_bytes;

std::uint64_t page_at(std::uint64_t offset) { return offset / page; }
std::uint64_t page_from(std::uint64_t offset) { return (offset + page - 1) / page; }

// Calls visit(word's number, its bits that lie in the range) for all words of [first, last).
template <class Visit>
void for_each_word(std::uint64_t first, std::uint64_t last, Visit visit) {
  while (first < last) {
    const std::uint64_t bits = std::min(64 - first % 64, last - first);
    const std::uint64_t ones = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    visit(first / 64, ones << first % 64);
    first += bits;
  }
}

bool has(const std::vector<std::uint64_t>& where, std::uint64_t number) {
  return (where[number / 64] >> number % 64 & 1) != 0;
}

}  // namespace

page_states::page_states(std::uint64_t size_bytes, bool warm) : size_bytes_{size_bytes} {
  const std::uint64_t pages = page_from(size_bytes);
  idle_.resize((pages + 63) / 64);
  cold_.resize(idle_.size());
  fresh_.resize(idle_.size());
  (warm ? idle_bytes_ : cold_bytes_) = size_bytes;
  bits& those = warm ? idle_ : cold_;
  for_each_word(0, pages, [&](std::uint64_t word, std::uint64_t mask) { those[word] |= mask; });
  if (warm) fresh_ = idle_;
}

// Of pages, of which the last of the extent may be a part of one.
std::uint64_t page_states::bytes_of(std::uint64_t first, std::uint64_t last) const {
  return std::min(last * page, size_bytes_) - first * page;
}

std::uint64_t page_states::count(const bits& where, std::uint64_t first, std::uint64_t last) const {
  std::uint64_t pages = 0;
  for_each_word(first, last, [&](std::uint64_t word, std::uint64_t mask) {
    pages += static_cast<std::uint64_t>(std::popcount(where[word] & mask));
  });
  const bool with_short_one = last * page > size_bytes_ && has(where, last - 1);
  return pages * page - (with_short_one ? last * page - size_bytes_ : 0);
}

page_states::amounts page_states::under(std::uint64_t begin, std::uint64_t end) const {
  const std::uint64_t first = page_at(begin);
  const std::uint64_t last = page_from(end);
  return {count(idle_, first, last), count(cold_, first, last), count(fresh_, first, last)};
}

void page_states::use(std::uint64_t begin, std::uint64_t end) {
  const amounts before = under(begin, end);
  idle_bytes_ -= before.idle_bytes;
  cold_bytes_ -= before.cold_bytes;
  ready_bytes_ -= before.idle_bytes - before.fresh_bytes;
  for_each_word(page_at(begin), page_from(end), [&](std::uint64_t word, std::uint64_t mask) {
    idle_[word] &= ~mask;
    cold_[word] &= ~mask;
    fresh_[word] &= ~mask;
  });
}

std::uint64_t page_states::leave(std::uint64_t begin, std::uint64_t end, const line_range& joined) {
  const std::uint64_t first = std::max(page_at(begin), page_from(joined.offset));
  const std::uint64_t joined_end =
      joined.end() == size_bytes_ ? page_from(joined.end()) : page_at(joined.end());
  const std::uint64_t last = std::min(page_from(end), joined_end);
  if (first >= last) return 0;
  for_each_word(first, last, [&](std::uint64_t word, std::uint64_t mask) { idle_[word] |= mask; });
  const std::uint64_t bytes = bytes_of(first, last);
  idle_bytes_ += bytes;
  ready_bytes_ += bytes;
  return bytes;
}

std::vector<page_states::stretch> page_states::cool(std::uint64_t bytes) {
  std::vector<stretch> cooled;
  for (std::size_t word = idle_.size(); word-- != 0 && bytes != 0;) {
    while (idle_[word] != 0 && bytes != 0) {
      const auto top = static_cast<unsigned>(std::countl_zero(idle_[word]));
      const std::uint64_t last = word * 64 + 64 - top;
      const auto ones = static_cast<unsigned>(std::countl_one(idle_[word] << top));
      const std::uint64_t wanted = page_from(bytes);
      const std::uint64_t first = last - std::min<std::uint64_t>(ones, wanted);
      ready_bytes_ -= bytes_of(first, last) - count(fresh_, first, last);
      for_each_word(first, last, [&](std::uint64_t at, std::uint64_t mask) {
        idle_[at] &= ~mask;
        cold_[at] |= mask;
        fresh_[at] &= ~mask;
      });
      const std::uint64_t got = bytes_of(first, last);
      idle_bytes_ -= got;
      cold_bytes_ += got;
      bytes -= std::min(bytes, got);
      if (!cooled.empty() && cooled.back().offset == last * page) {
        cooled.back().offset -= got;
        cooled.back().size_bytes += got;
      } else {
        cooled.push_back({first * page, got});
      }
    }
  }
  return cooled;
}

std::vector<page_states::stretch> page_states::take_fresh(std::uint64_t bytes) {
  std::vector<stretch> taken;
  for (std::size_t word = 0; word < fresh_.size() && bytes != 0; ++word) {
    while (fresh_[word] != 0 && bytes != 0) {
      const auto zeros = static_cast<unsigned>(std::countr_zero(fresh_[word]));
      const auto ones = static_cast<unsigned>(std::countr_one(fresh_[word] >> zeros));
      const std::uint64_t first = word * 64 + zeros;
      const std::uint64_t last = first + std::min<std::uint64_t>(ones, page_from(bytes));
      for_each_word(first, last,
                    [&](std::uint64_t at, std::uint64_t mask) { fresh_[at] &= ~mask; });
      const std::uint64_t got = bytes_of(first, last);
      ready_bytes_ += got;
      bytes -= std::min(bytes, got);
      if (!taken.empty() && taken.back().offset + taken.back().size_bytes == first * page) {
        taken.back().size_bytes += got;
      } else {
        taken.push_back({first * page, got});
      }
    }
  }
  return taken;
}

}  // namespace mobula::store
