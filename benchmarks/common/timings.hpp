#pragma once

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mobula::benchmarks {

inline std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

/// Reports the median, 99th percentile and rate of operations timed one by one or in batches.
class timings {
 public:
  explicit timings(benchmark::State& state) : state_{state} {}
  void add(std::uint64_t ns, std::uint64_t operations) {
    state_.SetIterationTime(static_cast<double>(ns) * 1e-9);
    each_ns_.push_back(static_cast<double>(ns) / static_cast<double>(operations));
    operations_ += operations;
  }
  void report() {
    std::sort(each_ns_.begin(), each_ns_.end());
    state_.SetItemsProcessed(static_cast<std::int64_t>(operations_));
    if (each_ns_.empty()) return;
    state_.counters["median_ns"] = each_ns_[each_ns_.size() / 2];
    state_.counters["p99_ns"] = each_ns_[each_ns_.size() * 99 / 100];
  }

 private:
  benchmark::State& state_;
  std::vector<double> each_ns_;
  std::uint64_t operations_ = 0;
};

/// Times `action`, which does so many operations, once for each turn.
template <class Action>
void time_each(benchmark::State& state, std::uint64_t operations, const Action& action) {
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    const std::uint64_t before = now_ns();
    action();
    taken.add(now_ns() - before, operations);
  }
  taken.report();
}

/// Times one `action` each turn, after a `prepare` that is not timed.
template <class Prepare, class Action>
void time_after(benchmark::State& state, const Prepare& prepare, const Action& action) {
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    prepare();
    const std::uint64_t before = now_ns();
    action();
    taken.add(now_ns() - before, 1);
  }
  taken.report();
}

}  // namespace mobula::benchmarks
