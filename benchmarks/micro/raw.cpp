#include <cstring>
#include <vector>

#include "common/bare_ring.hpp"
#include "micro/rows.hpp"

// What lies below: bare rings, bare UCX, memory.

namespace mobula::benchmarks {

namespace {

constexpr std::size_t large_bytes = std::size_t{800} << 20;

void copy_memory(benchmark::State& state) {
  const std::vector<char> from(large_bytes, 'x');
  std::vector<char> to(large_bytes, 'y');
  time_each(state, large_bytes, [&] {
    std::memcpy(to.data(), from.data(), large_bytes);
    benchmark::ClobberMemory();
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
  row("raw_memcpy gigabytes", copy_memory);
}

}  // namespace mobula::benchmarks
