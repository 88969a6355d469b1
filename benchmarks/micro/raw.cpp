#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "common/bare_ring.hpp"
#include "micro/rows.hpp"
#include "store/populate.hpp"

// What lies below: bare rings, bare UCX, memory.

namespace mobula::benchmarks {

namespace {

constexpr std::size_t large_bytes = std::size_t{800} << 20;

void copy_small(benchmark::State& state, std::size_t size) {
  const std::vector<char> from(size, 'x');
  std::vector<char> to(size, 'y');
  time_each(state, 1, [&] {
    std::memcpy(to.data(), from.data(), size);
    benchmark::ClobberMemory();
  });
}

/// Memory as the store's is: shared, in large pages where the system lets us have them.
class shared_memory {
 public:
  shared_memory()
      : begin_{static_cast<char*>(::mmap(nullptr, large_bytes, PROT_READ | PROT_WRITE,
                                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))} {
    if (begin_ == MAP_FAILED) std::abort();
    ::madvise(begin_, large_bytes, MADV_HUGEPAGE);
  }
  ~shared_memory() { ::munmap(begin_, large_bytes); }
  shared_memory(const shared_memory&) = delete;
  shared_memory& operator=(const shared_memory&) = delete;
  char* begin() const { return begin_; }

 private:
  char* begin_;
};

void copy_memory(benchmark::State& state) {
  const std::vector<char> from(large_bytes, 'x');
  const shared_memory to;
  std::memset(to.begin(), 'y', large_bytes);
  time_each(state, large_bytes, [&] {
    std::memcpy(to.begin(), from.data(), large_bytes);
    benchmark::ClobberMemory();
  });
}

void copy_memory_by_two(benchmark::State& state) {
  const std::vector<char> from(large_bytes, 'x');
  const shared_memory to;
  std::memset(to.begin(), 'y', large_bytes);
  time_each(state, large_bytes, [&] {
    constexpr std::size_t half = large_bytes / 2;
    std::thread other{[&] { std::memcpy(to.begin(), from.data(), half); }};
    std::memcpy(to.begin() + half, from.data() + half, half);
    other.join();
    benchmark::ClobberMemory();
  });
}

void copy_to_cold_memory(benchmark::State& state) {
  const std::vector<char> from(large_bytes, 'x');
  std::optional<shared_memory> to;
  time_after(
      state, large_bytes, [&] { to.emplace(); },
      [&] {
        ::madvise(to->begin(), large_bytes, store::advice_populate_write);
        std::memcpy(to->begin(), from.data(), large_bytes);
        benchmark::ClobberMemory();
      });
}

void build_vector(benchmark::State& state) {
  const std::vector<std::int64_t> from(large_bytes / sizeof(std::int64_t), 7);
  time_each(state, large_bytes, [&] {
    const std::vector<std::int64_t> made(from.begin(), from.end());
    benchmark::DoNotOptimize(made.data());
  });
}

}  // namespace

void register_raw(ucx_pairs& pairs, get_pair& reading) {
  row("raw_ring round trip", [](benchmark::State& state) { bare_ring_round_trip(state, 64); });
  row("raw_ring batched", [](benchmark::State& state) { bare_ring_one_way(state, 128, 100'000); });
  row("raw_ucx round trip",
      [&](benchmark::State& state) { raw_ucx_round_trip(state, pairs.raw(), 64); });
  row("raw_ucx one by one",
      [&](benchmark::State& state) { raw_ucx_one_way(state, pairs.raw(), 1); });
  row("raw_ucx batched", [&](benchmark::State& state) { raw_ucx_one_way(state, pairs.raw(), 64); });
  row("links round trip",
      [&](benchmark::State& state) { links_round_trip(state, pairs.linked()); });
  row("links batched", [&](benchmark::State& state) { links_one_way(state, pairs.linked(), 64); });
  const auto get_row = [&](const char* name, std::size_t count, std::size_t size,
                           std::size_t at_once, std::size_t operations) {
    row(name, [=, &reading](benchmark::State& state) {
      raw_ucx_get(state, reading, count, size, at_once, operations);
    });
  };
  get_row("raw_get 64_KiB gigabytes", 2048, 64 << 10, 64, 2048 * (64 << 10));
  get_row("raw_get 1_MiB gigabytes", 256, 1 << 20, 4, 256 << 20);
  get_row("raw_get 1_GiB gigabytes", 1, 1 << 30, 1, 1 << 30);
  get_row("raw_get alone", 1, 64 << 10, 1, 1);
  row("raw_memcpy 1 KiB", [](benchmark::State& state) { copy_small(state, 1 << 10); });
  row("raw_memcpy 64 KiB", [](benchmark::State& state) { copy_small(state, 64 << 10); });
  row("raw_memcpy gigabytes", copy_memory)->Iterations(5);
  row("raw_memcpy by 2 threads gigabytes", copy_memory_by_two)->Iterations(5);
  row("raw_populate and memcpy gigabytes", copy_to_cold_memory)->Iterations(3);
  row("raw_build vector gigabytes", build_vector)->Iterations(5);
}

}  // namespace mobula::benchmarks
