#include "store/large_copy.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <system_error>
#include <thread>
#include <vector>

#include "store/populate.hpp"
#include "store/signals_blocked.hpp"

namespace mobula::store {

namespace {

constexpr std::size_t page = 4096;
// Pages are asked for in pieces of that size, and not at all for less.
constexpr std::size_t large_page = std::size_t{2} << 20;
// What a thread takes at a time: so little that all threads end together, so much that memcpy sees
// that it is not for the processor's caches.
constexpr std::size_t piece_bytes_min = std::size_t{8} << 20;
constexpr std::size_t piece_bytes_max = std::size_t{64} << 20;

std::atomic<unsigned> threads_max{1};

// Looks at one page of each piece: they come and go together. Does nothing where it can't know.
void warm_up(std::byte* begin, std::size_t size) {
  const std::size_t skipped = (page - reinterpret_cast<std::uintptr_t>(begin) % page) % page;
  for (std::size_t at = skipped; at + page <= size; at += large_page) {
    unsigned char resident = 1;
    if (::mincore(begin + at, page, &resident) != 0 || (resident & 1) != 0) continue;
    const std::size_t pages = std::min(large_page, size - at) / page * page;
    ::madvise(begin + at, pages, advice_populate_write);
  }
}

class copying {
 public:
  copying(std::byte* to, const std::byte* from, std::size_t size, unsigned threads)
      : to_{to}, from_{from}, size_{size}, piece_bytes_{piece_bytes(size, threads)} {}

  void take_part() {
    for (;;) {
      const std::size_t begin = next_.fetch_add(piece_bytes_, std::memory_order_relaxed);
      if (begin >= size_) return;
      const std::size_t size = std::min(piece_bytes_, size_ - begin);
      warm_up(to_ + begin, size);
      std::memcpy(to_ + begin, from_ + begin, size);
    }
  }

 private:
  static std::size_t piece_bytes(std::size_t size, unsigned threads) {
    if (threads == 1) return size;
    const std::size_t even = (size / threads + page - 1) / page * page;
    return std::clamp(even, piece_bytes_min, piece_bytes_max);
  }

  std::byte* to_;
  const std::byte* from_;
  std::size_t size_;
  std::size_t piece_bytes_;
  std::atomic<std::size_t> next_{0};
};

std::vector<std::thread> start_helpers(unsigned count, copying& work) {
  if (count == 0) return {};
  const signals_blocked here;
  std::vector<std::thread> helpers;
  try {
    while (helpers.size() < count) helpers.emplace_back([&work] { work.take_part(); });
  } catch (const std::system_error&) {
    // Those that there are, then.
  }
  return helpers;
}

}  // namespace

void share_large_copies(unsigned threads) { threads_max = std::max(threads, 1U); }

unsigned threads_of_copy(std::size_t size_bytes) {
  const std::size_t useful = std::max<std::size_t>(size_bytes / piece_bytes_min, 1);
  return static_cast<unsigned>(std::min<std::size_t>(useful, threads_max));
}

void large_copy(std::byte* to, const std::byte* from, std::size_t size_bytes) {
  if (size_bytes < large_page) {
    if (size_bytes != 0) std::memcpy(to, from, size_bytes);
    return;
  }
  const unsigned threads = threads_of_copy(size_bytes);
  copying work{to, from, size_bytes, threads};
  std::vector<std::thread> helpers = start_helpers(threads - 1, work);
  work.take_part();
  for (std::thread& one : helpers) one.join();
}

}  // namespace mobula::store
