#include "hardware/thread_set.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>

namespace mobula::hardware {

thread_set thread_set::first(std::uint32_t count) {
  thread_set set;
  for (std::uint32_t core = 0; core < count; ++core) set.add(core);
  return set;
}

std::optional<thread_set> thread_set::parse(std::string_view text) {
  thread_set set;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::uint32_t low = 0;
    auto got = std::from_chars(at, end, low);
    if (got.ec != std::errc{}) return std::nullopt;
    std::uint32_t high = low;
    if (got.ptr != end && *got.ptr == '-') {
      got = std::from_chars(got.ptr + 1, end, high);
      if (got.ec != std::errc{}) return std::nullopt;
    }
    // No kernel knows as many cores: garbage must not take all memory.
    if (high < low || high >= 1U << 20) return std::nullopt;
    for (std::uint32_t core = low; core <= high; ++core) set.add(core);
    at = got.ptr;
    if (at == end) break;
    if (*at != ',' || ++at == end) return std::nullopt;
  }
  return set;
}

thread_set thread_set::of_this_thread() {
  thread_set set;
  // The system call itself: it says how many bytes the kernel's masks have, whatever their size.
  for (std::size_t words = 16;; words *= 2) {
    set.words_.assign(words, 0);
    const long bytes =
        ::syscall(SYS_sched_getaffinity, 0, words * sizeof(std::uint64_t), set.words_.data());
    if (bytes >= 0) break;
    if (errno != EINVAL || words > 1U << 14) return first(1);
  }
  set.trim();
  return set;
}

bool thread_set::bind_this_thread() const {
  return ::syscall(SYS_sched_setaffinity, 0, words_.size() * sizeof(std::uint64_t),
                   words_.data()) == 0;
}

void thread_set::add(std::uint32_t core) {
  if (core / 64 >= words_.size()) words_.resize(core / 64 + 1);
  words_[core / 64] |= std::uint64_t{1} << core % 64;
}

bool thread_set::contains(std::uint32_t core) const {
  return core / 64 < words_.size() && (words_[core / 64] >> core % 64 & 1) != 0;
}

std::uint32_t thread_set::count() const {
  std::uint32_t sum = 0;
  for (const std::uint64_t word : words_) sum += static_cast<std::uint32_t>(std::popcount(word));
  return sum;
}

bool thread_set::overlaps(const thread_set& other) const {
  const std::size_t both = std::min(words_.size(), other.words_.size());
  for (std::size_t i = 0; i < both; ++i) {
    if ((words_[i] & other.words_[i]) != 0) return true;
  }
  return false;
}

std::vector<std::uint32_t> thread_set::list() const {
  std::vector<std::uint32_t> cores;
  for (std::uint32_t core = 0; core < words_.size() * 64; ++core) {
    if (contains(core)) cores.push_back(core);
  }
  return cores;
}

std::string thread_set::text() const {
  std::string text;
  const std::vector<std::uint32_t> cores = list();
  for (std::size_t i = 0; i < cores.size();) {
    std::size_t last = i;
    while (last + 1 < cores.size() && cores[last + 1] == cores[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(cores[i]);
    if (last > i) text.append("-").append(std::to_string(cores[last]));
    i = last + 1;
  }
  return text;
}

thread_set& thread_set::operator|=(const thread_set& other) {
  if (words_.size() < other.words_.size()) words_.resize(other.words_.size());
  for (std::size_t i = 0; i < other.words_.size(); ++i) words_[i] |= other.words_[i];
  return *this;
}

thread_set& thread_set::operator&=(const thread_set& other) {
  if (words_.size() > other.words_.size()) words_.resize(other.words_.size());
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  trim();
  return *this;
}

thread_set& thread_set::operator-=(const thread_set& other) {
  const std::size_t both = std::min(words_.size(), other.words_.size());
  for (std::size_t i = 0; i < both; ++i) words_[i] &= ~other.words_[i];
  trim();
  return *this;
}

void thread_set::trim() {
  while (!words_.empty() && words_.back() == 0) words_.pop_back();
}

}  // namespace mobula::hardware
