// What UCX costs between two processes over the network transports that nodes use, bare and through
// mobula::ucx::links.
//
//   raw/round_trip/<bytes>       one active message there and one back, both sides polling
//   raw/one_way/<n>              active messages of n messages of 64 bytes each
//   raw/get/<bytes>/<n>          reads of the other's memory (ucp_get), n at a time
//   links/round_trip, links/one_way    the same through links: 64 bytes, batched as they come

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "common/ucx_get.hpp"
#include "common/ucx_pair.hpp"

namespace {

using namespace mobula::benchmarks;

ucx_pairs* pairs = nullptr;
get_pair* gets = nullptr;

void raw_round_trip(benchmark::State& state) {
  raw_ucx_round_trip(state, pairs->raw(), static_cast<std::size_t>(state.range(0)));
}
void raw_one_way(benchmark::State& state) {
  raw_ucx_one_way(state, pairs->raw(), static_cast<std::size_t>(state.range(0)));
}
void raw_get(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto at_once = static_cast<std::size_t>(state.range(1));
  const std::size_t count = at_once == 1 ? 1 : std::max<std::size_t>(64, (256U << 20) / size);
  raw_ucx_get(state, *gets, count, size, at_once, count * size);
}
void linked_round_trip(benchmark::State& state) { links_round_trip(state, pairs->linked()); }
void linked_one_way(benchmark::State& state) {
  links_one_way(state, pairs->linked(), static_cast<int>(state.range(0)));
}

BENCHMARK(raw_round_trip)->Name("raw/round_trip")->Arg(64)->Arg(4096)->UseManualTime();
BENCHMARK(raw_one_way)->Name("raw/one_way")->Arg(1)->Arg(16)->Arg(64)->Arg(256)->UseManualTime();
BENCHMARK(raw_get)
    ->Name("raw/get")
    ->Args({64 << 10, 1})
    ->Args({64 << 10, 64})
    ->Args({256 << 10, 16})
    ->Args({1 << 20, 1})
    ->Args({1 << 20, 4})
    ->Args({1 << 20, 16})
    ->Args({4 << 20, 4})
    ->Args({1 << 30, 1})
    ->UseManualTime();
BENCHMARK(linked_round_trip)->Name("links/round_trip")->UseManualTime();
BENCHMARK(linked_one_way)
    ->Name("links/one_way")
    ->Arg(1)
    ->Arg(16)
    ->Arg(64)
    ->Arg(256)
    ->UseManualTime();

}  // namespace

int main(int argc, char** argv) {
  ucx_pairs both;
  pairs = &both;
  get_pair reading;
  gets = &reading;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  std::fflush(nullptr);
  std::_Exit(0);
}
