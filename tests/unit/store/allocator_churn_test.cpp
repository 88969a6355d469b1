#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <random>
#include <utility>
#include <vector>

#include "seed.hpp"
#include "store/allocator.hpp"

// How much of a store can be used, and what that costs, in programs that are bad for it: sizes that
// change all the time, survivors of each phase between those of the next, half of all blocks freed
// at random, every second one in the order of addresses.

namespace mobula::store {
namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t operations_max = 500'000;
constexpr std::uint64_t large_store = 2048 * mib;  // which so few can fill
#else
constexpr std::uint64_t operations_max = 10'000'000;
constexpr std::uint64_t large_store = 16 * 1024 * mib;
#endif

struct phase {
  const char* name;
  std::uint64_t smallest;
  std::uint64_t largest;
  std::uint64_t operations;  // in one turn, of operations_max
};

// No allocator that can't move its blocks gets a page back that one small block still lives in: so
// blocks below a page may fill a tenth of the store, not more.
constexpr phase phases[] = {
    {"64 B to 64 MiB", 64, 64 * mib, operations_max / 500},
    {"64 B to 4 KiB", 64, 4 * kib, operations_max / 12},
    {"32 KiB to 1 MiB", 32 * kib, mib, operations_max / 100},
    {"8 MiB to 64 MiB", 8 * mib, 64 * mib, operations_max / 1000},
    {"1 KiB to 100 KiB", kib, 100 * kib, operations_max / 12},
};

class churn {
 public:
  churn(std::uint64_t capacity, std::uint64_t seed) : tested_{{capacity, 0}}, random_{seed} {}

  void run() {
    while (operations_ < operations_max)
      for (const phase& one : phases) run(one);
    tested_.check();
    for (const auto& [where, size] : live_) ASSERT_TRUE(tested_.release(where));
    EXPECT_EQ(tested_.in_use_bytes(), 0U);
    tested_.check();
  }
  double lowest_use() const { return lowest_use_; }
  std::uint64_t refusals() const { return refusals_; }
  const std::vector<double>& ns_each() const { return ns_each_; }

 private:
  void run(const phase& now) {
    const auto begin = std::chrono::steady_clock::now();
    const std::uint64_t before = operations_;
    const bool small = now.largest <= 100 * kib;
    std::uint64_t made_bytes = 0;
    while (operations_ - before < now.operations) {
      if (small && made_bytes > tested_.capacity_bytes() / 10) {
        free_some(2);
        made_bytes = 0;
      }
      const std::uint64_t size = size_of(now);
      const auto made = tested_.allocate(size);
      ++operations_;
      if (made) {
        live_.emplace_back(*made, size);
        made_bytes += size;
      } else {
        note_refusal();
        free_some(10);
      }
    }
    // What survives lies between what comes next.
    free_every_second();
    tested_.take_changes();
    ns_each_.push_back(
        std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() /
        static_cast<double>(operations_ - before));
  }

  // Evenly over the powers of two.
  std::uint64_t size_of(const phase& now) {
    std::uniform_real_distribution<double> power{std::log2(static_cast<double>(now.smallest)),
                                                 std::log2(static_cast<double>(now.largest))};
    return static_cast<std::uint64_t>(std::exp2(power(random_)));
  }
  void note_refusal() {
    ++refusals_;
    lowest_use_ = std::min(lowest_use_, static_cast<double>(tested_.in_use_bytes()) /
                                            static_cast<double>(tested_.capacity_bytes()));
  }
  // Any of them, one in `part`.
  void free_some(std::size_t part) {
    for (std::size_t i = live_.size() / part + 1; i > 0 && !live_.empty(); --i) {
      const std::size_t victim = random_() % live_.size();
      free(victim);
      live_[victim] = live_.back();
      live_.pop_back();
    }
    tested_.take_changes();
  }
  void free_every_second() {
    std::ranges::sort(live_, {}, [](const auto& one) {
      return std::pair{one.first.extent, one.first.offset};
    });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < live_.size(); ++i) {
      if (i % 2 == 0) {
        free(i);
      } else {
        live_[kept++] = live_[i];
      }
    }
    live_.resize(kept);
  }
  void free(std::size_t victim) {
    ASSERT_TRUE(tested_.release(live_[victim].first));
    ++operations_;
  }

  allocator tested_;
  std::mt19937_64 random_;
  std::vector<std::pair<block, std::uint64_t>> live_;
  std::uint64_t operations_ = 0;
  std::uint64_t refusals_ = 0;
  double lowest_use_ = 1;
  std::vector<double> ns_each_;
};

void use_at_least_85_percent(std::uint64_t capacity) {
  churn program{capacity, test_seed()};
  program.run();
  EXPECT_GE(program.lowest_use(), 0.85);
  EXPECT_GT(program.refusals(), 0U);
  std::cout << "refused " << program.refusals() << " times, with " << program.lowest_use()
            << " of the store in use or more; ns an operation, turn by turn:";
  for (std::size_t i = 0; i < program.ns_each().size(); ++i)
    std::cout << (i % std::size(phases) == 0 ? "\n " : "") << ' '
              << static_cast<int>(program.ns_each()[i]);
  std::cout << std::endl;
}

TEST(AllocatorChurn, RefusesOnlyWhenMoreThan85PercentOfASmallStoreAreInUse) {
  use_at_least_85_percent(1024 * mib);
}

TEST(AllocatorChurn, RefusesOnlyWhenMoreThan85PercentOfALargeStoreAreInUse) {
  use_at_least_85_percent(large_store);
}

}  // namespace
}  // namespace mobula::store
