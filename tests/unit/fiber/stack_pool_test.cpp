#include "fiber/stack_pool.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstring>
#include <set>
#include <vector>

namespace mobula::fiber {
namespace {

class EveryGuard : public testing::TestWithParam<guard_kind> {};

INSTANTIATE_TEST_SUITE_P(StackPool, EveryGuard,
                         testing::Values(guard_kind::automatic, guard_kind::protect),
                         [](const auto& guard) {
                           return guard.param == guard_kind::automatic ? "Automatic" : "Protect";
                         });

std::size_t resident_bytes() {
  std::size_t pages = 0;
  std::size_t resident = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%zu %zu", &pages, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return resident * 4096;
}

TEST_P(EveryGuard, StacksDoNotOverlapAndAllOfEachCanBeUsed) {
  constexpr std::size_t size = std::size_t{256} << 10;
  stack_pool pool{size, GetParam()};
  std::vector<stack> taken;
  for (int i = 0; i < 200; ++i) {
    taken.push_back(pool.take());
    ASSERT_TRUE(taken.back());
    EXPECT_LE(taken.back().size_bytes(), size);
    EXPECT_GT(taken.back().size_bytes(), size - 4096);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(taken.back().top) % 64, 0U);
    std::memset(taken.back().bottom, i, taken.back().size_bytes());
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(*taken[i].bottom, static_cast<std::byte>(i));
    EXPECT_EQ(*(taken[i].top - 1), static_cast<std::byte>(i));
  }
  EXPECT_EQ(pool.in_use(), 200U);
  for (const stack& one : taken) pool.give_back(one);
  EXPECT_EQ(pool.in_use(), 0U);
}

// Two stacks, so that what lies beyond each is the pool's, no chance hole.
void write_below_the_upper(guard_kind guards) {
  stack_pool pool{std::size_t{256} << 10, guards};
  pool.take();
  *static_cast<volatile std::byte*>(pool.take().bottom - 1) = std::byte{1};
}

void write_above_the_lower(guard_kind guards) {
  stack_pool pool{std::size_t{256} << 10, guards};
  const stack below = pool.take();
  pool.take();
  *static_cast<volatile std::byte*>(below.top + 4096) = std::byte{1};
}

TEST_P(EveryGuard, RunningIntoItIsACrash) {
  EXPECT_DEATH(write_below_the_upper(GetParam()), "");
  EXPECT_DEATH(write_above_the_lower(GetParam()), "");
}

TEST_P(EveryGuard, GivesTheSameStacksAgain) {
  stack_pool pool{std::size_t{256} << 10, GetParam()};
  std::set<std::byte*> first;
  for (int round = 0; round < 3; ++round) {
    std::vector<stack> taken;
    for (int i = 0; i < 100; ++i) taken.push_back(pool.take());
    for (const stack& one : taken) {
      if (round == 0) first.insert(one.top);
      EXPECT_TRUE(first.contains(one.top));
      pool.give_back(one);
    }
  }
  EXPECT_EQ(pool.reserved(), 100U);
}

TEST(StackPool, TrimReturnsTouchedMemoryAndKeepsTheGuards) {
  constexpr std::size_t size = std::size_t{4} << 20;
  stack_pool pool{size};
  std::vector<stack> taken;
  for (int i = 0; i < 16; ++i) {
    taken.push_back(pool.take());
    std::memset(taken.back().bottom, 1, taken.back().size_bytes());
  }
  const std::size_t full = resident_bytes();
  for (const stack& one : taken) pool.give_back(one);
  pool.trim();
  EXPECT_LT(resident_bytes() + 15 * size, full);
  const stack again = pool.take();
  EXPECT_EQ(*again.bottom, std::byte{0});
  EXPECT_DEATH(*static_cast<volatile std::byte*>(again.bottom - 1) = std::byte{1}, "");
  pool.give_back(again);
}

TEST(StackPool, ReservesAddressesOnly) {
  stack_pool pool{std::size_t{8} << 20};
  const std::size_t before = resident_bytes();
  std::vector<stack> taken;
  for (int i = 0; i < 1000; ++i) taken.push_back(pool.take());
  EXPECT_LT(resident_bytes(), before + (std::size_t{64} << 20));
  for (const stack& one : taken) pool.give_back(one);
}

TEST(StackPool, TheDefaultIsTheShellsLimitUpToEightMebibytes) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_STACK, &limit), 0);
  const std::size_t size = default_stack_bytes();
  EXPECT_LE(size, std::size_t{8} << 20);
  if (limit.rlim_cur >= std::size_t{8} << 20) {
    EXPECT_EQ(size, std::size_t{8} << 20);
  }
}

}  // namespace
}  // namespace mobula::fiber
