#pragma once

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace mobula::benchmarks {

inline std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

/// The processor time that a process has used until now, all of its threads.
inline std::uint64_t processor_ns(int process) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &used) != 0)
    std::abort();
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec);
}

/// Reports the median, 99th percentile and rate of operations timed one by one or in batches.
class timings {
 public:
  explicit timings(benchmark::State& state) : state_{state} {}
  void add(std::uint64_t ns, std::uint64_t operations) { add(ns, operations, ns); }
  /// @param turn_ns  what the turn took with all that is not timed. How often there is another one
  ///                 is planned by that: by the time of an action that takes a moment it would be
  ///                 for hours.
  void add(std::uint64_t ns, std::uint64_t operations, std::uint64_t turn_ns) {
    state_.SetIterationTime(static_cast<double>(turn_ns) * 1e-9);
    each_ns_.push_back(static_cast<double>(ns) / static_cast<double>(operations));
    operations_ += operations;
    all_ns_ += ns;
  }
  void report() {
    std::sort(each_ns_.begin(), each_ns_.end());
    if (each_ns_.empty()) return;
    state_.counters["items_per_second"] =
        static_cast<double>(operations_) * 1e9 / static_cast<double>(all_ns_);
    state_.counters["median_ns"] = each_ns_[each_ns_.size() / 2];
    state_.counters["p99_ns"] = each_ns_[each_ns_.size() * 99 / 100];
  }

 private:
  benchmark::State& state_;
  std::vector<double> each_ns_;
  std::uint64_t operations_ = 0;
  std::uint64_t all_ns_ = 0;
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

/// The same, each `action` after a `prepare` that is not timed.
template <class Prepare, class Action>
void time_after(benchmark::State& state, std::uint64_t operations, const Prepare& prepare,
                const Action& action) {
  timings taken{state};
  for ([[maybe_unused]] auto turn : state) {
    const std::uint64_t begin = now_ns();
    prepare();
    const std::uint64_t before = now_ns();
    action();
    const std::uint64_t end = now_ns();
    taken.add(end - before, operations, end - begin);
  }
  taken.report();
}

}  // namespace mobula::benchmarks
