#include "sort/plan.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "apps/error_of.hpp"

namespace sorting {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

TEST(Plan, KeepsTasksWithinTheirMemory) {
  for (const std::uint64_t records : {1'000'000U, 10'000'000U, 100'000'000U}) {
    for (const std::uint64_t memory : {32 * mebibyte, 128 * mebibyte, 1024 * mebibyte}) {
      const plan plan =
          plan_for({.records = records, .cpus = 3, .memory_bytes = memory, .parts = 0});
      EXPECT_LE(2 * 100 * plan.slice_records, memory);
      // A part's records and their order, and a third more, for no sample is exact.
      EXPECT_LE(records / plan.parts * 116 * 4 / 3, memory);
    }
  }
}

TEST(Plan, GivesEachCpuSomethingToDo) {
  const plan plan =
      plan_for({.records = 1'000'000, .cpus = 8, .memory_bytes = 128 * mebibyte, .parts = 0});
  EXPECT_EQ(plan.parts, 8U);
  EXPECT_LE(plan.slice_records, 1'000'000U / 8 / 3);
}

TEST(Plan, IsOnePartForALittle) {
  for (const std::uint64_t records : {0U, 1U, 10'000U}) {
    const plan plan =
        plan_for({.records = records, .cpus = 8, .memory_bytes = 128 * mebibyte, .parts = 0});
    EXPECT_EQ(plan.parts, 1U);
    EXPECT_GE(plan.slice_records, 1U);
  }
}

TEST(Plan, TakesAsManyPartsAsAreWished) {
  const plan plan =
      plan_for({.records = 10, .cpus = 2, .memory_bytes = 128 * mebibyte, .parts = 30});
  EXPECT_EQ(plan.parts, 30U);
}

TEST(Plan, RefusesPartsThatDoNotFitATasksMemory) {
  EXPECT_EQ(
      apps::error_of([] {
        plan_for({.records = 10'000'000, .cpus = 2, .memory_bytes = 100'000'000, .parts = 3});
      }),
      "tasks that may use 100000000 bytes of memory each need at least 17 parts, not 3: raise "
      "--parts or --memory");
}

TEST(Plan, RefusesPartsThatDoNotFitTheStores) {
  EXPECT_EQ(apps::error_of([] {
              plan_for({.records = 10'000'000,
                        .cpus = 2,
                        .memory_bytes = 100'000'000,
                        .parts = 3,
                        .store_bytes_a_cpu = 60'000'000});
            }),
            "nodes whose object stores have 60000000 bytes for each cpu need at least 100 parts, "
            "not 3: raise --parts or MOBULA_STORE_BYTES");
}

TEST(Plan, RefusesMorePiecesThanCanBeKnownOf) {
  const std::uint64_t records = std::uint64_t{1} << 40;
  EXPECT_THROW(
      plan_for({.records = records, .cpus = 64, .memory_bytes = 128 * mebibyte, .parts = 0}),
      std::runtime_error);
  EXPECT_NO_THROW(
      plan_for({.records = records, .cpus = 64, .memory_bytes = 65'536 * mebibyte, .parts = 0}));
}

TEST(Plan, LetsTasksShareTheNodesStores) {
  const wishes small{.records = 10'000'000,
                     .cpus = 4,
                     .memory_bytes = 128 * mebibyte,
                     .parts = 0,
                     .store_bytes_a_cpu = 60 * mebibyte};
  const plan cut = plan_for(small);
  EXPECT_LE(cut.slice_records * 100, 10 * mebibyte);
  EXPECT_GE(cut.parts, 10'000'000 * 100 / (10 * mebibyte));
  wishes tiny = small;
  tiny.store_bytes_a_cpu = 1;
  EXPECT_GE(plan_for(tiny).slice_records * 100, mebibyte - 100) << "no task is tiny";
}

}  // namespace
}  // namespace sorting
