#include "wordcount/word_table.hpp"

#include <cstring>
#include <utility>

namespace wordcount {

namespace {

constexpr std::size_t slots_at_first = 1'024;

constexpr std::uint64_t mixed(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0x9fb21c651e98df25U;
  x ^= x >> 29;
  return x;
}

}  // namespace

std::uint64_t hash_of(std::string_view word) {
  std::uint64_t hash = 0x9e3779b97f4a7c15U ^ word.size();
  while (word.size() >= sizeof hash) {
    std::uint64_t eight;
    std::memcpy(&eight, word.data(), sizeof eight);
    hash = mixed((hash ^ eight) * 0xbf58476d1ce4e5b9U);
    word.remove_prefix(sizeof eight);
  }
  std::uint64_t last = 0;
  if (!word.empty()) std::memcpy(&last, word.data(), word.size());
  return mixed(mixed((hash ^ last) * 0x94d049bb133111ebU));
}

word_table::word_table() : slots_(slots_at_first) {}

void word_table::add(std::string_view word, std::uint64_t count) {
  if (count == 0) return;
  if (2 * (used_ + 1) > slots_.size()) grow();
  const std::uint64_t hash = hash_of(word);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    slot& one = slots_[at];
    if (one.count == 0) {
      one = {hash, text_.size(), word.size(), count};
      text_ += word;
      ++used_;
      return;
    }
    if (one.hash == hash && word_of(one) == word) {
      one.count += count;
      return;
    }
  }
}

void word_table::grow() {
  std::vector<slot> larger(2 * slots_.size());
  const std::size_t mask = larger.size() - 1;
  for (const slot& one : slots_) {
    if (one.count == 0) continue;
    std::size_t at = one.hash & mask;
    while (larger[at].count != 0) at = (at + 1) & mask;
    larger[at] = one;
  }
  slots_ = std::move(larger);
}

}  // namespace wordcount
