#include "core/core_books.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>

#include "seed.hpp"

namespace mobula::core {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr std::int64_t unit = wire::resource_amounts::unit;

/// Two sockets of four caches of eight cores.
std::vector<core_place> two_sockets() {
  std::vector<core_place> all;
  for (std::uint32_t i = 0; i < 64; ++i) all.push_back({i / 8, i / 32, i / 32, 0, {}});
  return all;
}

/// Four fast cores by themselves, then eight slow ones of which four share a cache.
std::vector<core_place> hybrid() {
  std::vector<core_place> all;
  for (std::uint32_t i = 0; i < 12; ++i) {
    const bool is_fast = i < 4;
    all.push_back({is_fast ? i : 4 + (i - 4) / 4, 0, 0, is_fast ? 1U : 0U, {}});
  }
  return all;
}

/// Two sockets of eight cores that share a cache, with four GPUs each.
std::vector<core_place> eight_gpus() {
  std::vector<core_place> all;
  for (std::uint32_t i = 0; i < 16; ++i) {
    const std::uint32_t socket = i / 8;
    all.push_back({socket, socket, socket, 0, {}});
    for (std::uint32_t k = 0; k < 4; ++k) all.back().devices.push_back(4 * socket + k);
  }
  return all;
}

std::vector<std::uint32_t> numbers_of(const core_set& cores) {
  std::vector<std::uint32_t> all;
  for (const core_share& one : cores) all.push_back(one.number);
  return all;
}

core_set taken(core_books& books, double cpus, const device_set& near = {}) {
  core_set found = books.find(static_cast<std::int64_t>(cpus * unit), near);
  books.take(found);
  return found;
}
std::vector<std::uint32_t> numbers(core_books& books, double cpus, const device_set& near = {}) {
  return numbers_of(taken(books, cpus, near));
}
std::int64_t sum(const core_set& cores) {
  std::int64_t all = 0;
  for (const core_share& one : cores) all += one.amount;
  return all;
}

/// In how many of them these lie.
std::size_t spread(const std::vector<core_place>& places, const std::vector<std::uint32_t>& cores,
                   std::uint32_t core_place::*over) {
  std::set<std::uint32_t> all;
  for (const std::uint32_t one : cores) all.insert(places[one].*over);
  return all.size();
}

TEST(CoreBooks, WholeCpusAreWholeCoresOfOneLeaseAlone) {
  core_books books{two_sockets()};
  std::set<std::uint32_t> all;
  for (int i = 0; i < 21; ++i) {
    const core_set three = taken(books, 3);
    EXPECT_EQ(sum(three), 3 * unit);
    for (const core_share& one : three) EXPECT_TRUE(all.insert(one.number).second);
  }
  EXPECT_THAT(all, SizeIs(63));
  EXPECT_TRUE(books.is_free(books.find(unit)));
  EXPECT_FALSE(books.is_free(books.find(2 * unit)));
}

TEST(CoreBooks, ThoseOfALeaseLieInAsFewCachesAndSocketsAsTheyCan) {
  const auto places = two_sockets();
  for (const auto& [count, caches, sockets] : {std::tuple{1, 1U, 1U},
                                               {8, 1U, 1U},
                                               {9, 2U, 1U},
                                               {32, 4U, 1U},
                                               {33, 5U, 2U},
                                               {64, 8U, 2U}}) {
    core_books books{places};
    const auto found = numbers(books, count);
    EXPECT_THAT(found, SizeIs(count));
    EXPECT_EQ(spread(places, found, &core_place::group), caches) << count;
    EXPECT_EQ(spread(places, found, &core_place::package), sockets) << count;
  }
}

TEST(CoreBooks, WhatIsLeftOfOneCacheIsUsedBeforeAWholeOne) {
  const auto places = two_sockets();
  core_books books{places};
  EXPECT_THAT(numbers(books, 5), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(numbers(books, 4), ElementsAre(8, 9, 10, 11)) << "of the first there are but three";
  EXPECT_THAT(numbers(books, 2), ElementsAre(5, 6));
  EXPECT_THAT(numbers(books, 1), ElementsAre(7));
  EXPECT_THAT(numbers(books, 4), ElementsAre(12, 13, 14, 15));
}

// Two on one socket and one on the other are not as good as three that are far from each other
// there: a lease stays on its socket where it can.
TEST(CoreBooks, ALeaseStaysOnOneSocketWhereItCan) {
  const auto places = two_sockets();
  core_books books{places};
  std::vector<bool> is_free(64, false);
  for (const std::uint32_t one : {7U, 6U, 5U, 40U, 47U, 55U, 63U}) is_free[one] = true;
  for (std::uint32_t i = 0; i < 64; ++i)
    if (!is_free[i]) books.take({{i, unit}});
  EXPECT_THAT(numbers(books, 4), ElementsAre(40, 47, 55, 63));
  EXPECT_THAT(numbers(books, 3), ElementsAre(5, 6, 7));
}

TEST(CoreBooks, PartsPackAndLeaveTheOthersWhole) {
  core_books books{two_sockets()};
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(0));
  EXPECT_THAT(numbers(books, 0.25), ElementsAre(0));
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(1));
  EXPECT_THAT(numbers(books, 0.25), ElementsAre(0));
  EXPECT_THAT(numbers(books, 2), ElementsAre(2, 3));
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(1));
}

TEST(CoreBooks, TwoAndAHalfAreTwoWholeOnesAndAPartBeside) {
  core_books books{two_sockets()};
  books.take({{40, unit / 2}});
  const core_set found = taken(books, 2.5);
  EXPECT_EQ(sum(found), 2 * unit + unit / 2);
  EXPECT_THAT(found, SizeIs(3));
  EXPECT_EQ(found.front(), (core_share{40, unit / 2})) << "half of it was taken already";
  EXPECT_THAT(numbers_of(found), ElementsAre(40, 41, 42)) << "in the same cache";
  EXPECT_THAT(numbers(books, 2.5), ElementsAre(43, 44, 45));
}

TEST(CoreBooks, OfDifferentCoresTheFasterOnesComeFirst) {
  core_books books{hybrid()};
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(4)) << "a part leaves the fast ones whole";
  EXPECT_THAT(numbers(books, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(4));
  EXPECT_THAT(numbers(books, 3), ElementsAre(3, 5, 6)) << "the last fast one, the others together";
  EXPECT_THAT(numbers(books, 4), ElementsAre(8, 9, 10, 11));
}

TEST(CoreBooks, OfOneCoreAllIsThere) {
  core_books books{std::vector<core_place>(1)};
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(0));
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(0));
  EXPECT_FALSE(books.is_free({{0, 1}}));
}

TEST(CoreBooks, OfALeaseWithGpusAreNextToThem) {
  const auto places = eight_gpus();
  core_books books{places};
  for (std::uint32_t gpu = 0; gpu < 8; ++gpu) {
    const auto found = numbers(books, 2, {{7 - gpu, unit}});
    for (const std::uint32_t core : found) EXPECT_EQ(core / 8, (7 - gpu) / 4) << gpu;
  }
  EXPECT_FALSE(books.is_free(books.find(1)));
}

TEST(CoreBooks, WhereNoneIsLeftNextToTheGpuOthersWillDo) {
  core_books books{eight_gpus()};
  EXPECT_THAT(numbers(books, 6, {{7, unit}}), Each(testing::Ge(8U)));
  const auto found = numbers(books, 3, {{6, unit}});
  EXPECT_THAT(found, ElementsAre(0, 14, 15));
  EXPECT_THAT(numbers(books, 0.5, {{0, unit / 2}}), ElementsAre(1));
  EXPECT_THAT(numbers(books, 0.5, {{5, unit / 2}}), ElementsAre(1)) << "packed: none is free there";
}

TEST(CoreBooks, OfManyGpusThoseNextToSomeAreNear) {
  core_books books{eight_gpus()};
  EXPECT_THAT(numbers(books, 8, {{3, unit}, {4, unit}}), SizeIs(8));
}

// By amount there is room; of cores there are pieces.
TEST(CoreBooks, WhatIsFreeInPiecesIsShared) {
  core_books books{std::vector<core_place>(3)};
  books.take({{0, unit / 2}});
  books.take({{1, unit / 4}});
  books.take({{2, unit / 2}});
  const core_set one = taken(books, 1);
  EXPECT_EQ(one, (core_set{{1, unit}})) << "the least used one";
  EXPECT_FALSE(books.is_free({{1, 1}}));
  EXPECT_EQ(books.shared({{1, unit}}), unit + unit / 4);
  EXPECT_EQ(taken(books, 0.5), (core_set{{0, unit / 2}}));
  books.give(one);
  EXPECT_EQ(books.shared({{1, unit}}), unit / 4);
}

TEST(CoreBooks, WhoClaimsItsCoresBackSharesThem) {
  core_books books{std::vector<core_place>(2)};
  const core_set lent = taken(books, 1);
  books.give(lent);
  const core_set meanwhile = taken(books, 1);
  EXPECT_EQ(meanwhile, lent);
  books.take(lent);
  EXPECT_EQ(taken(books, 1), (core_set{{1, unit}})) << "nobody else is put there";
  books.give(meanwhile);
  books.give(lent);
  EXPECT_TRUE(books.is_free(lent));
}

TEST(CoreBooks, OfNoCpusNoneAreTaken) {
  EXPECT_THAT(core_books{}.find(unit), SizeIs(0));
  EXPECT_THAT(core_books{two_sockets()}.find(0), SizeIs(0));
  EXPECT_TRUE(core_books{}.is_free({}));
}

TEST(CoreBooks, AddUpWhateverComesAndGoes) {
  std::mt19937_64 random{test_seed()};
  const auto places = two_sockets();
  core_books books{places};
  std::vector<core_set> held;
  std::int64_t free = 64 * unit;
  for (int i = 0; i < 5'000; ++i) {
    const std::int64_t cpus = random() % 3 == 0 ? static_cast<std::int64_t>(random() % unit)
                                                : static_cast<std::int64_t>(random() % 9) * unit;
    if (!held.empty() && (random() % 2 == 0 || cpus > free)) {
      std::swap(held[random() % held.size()], held.back());
      free += sum(held.back());
      books.give(held.back());
      held.pop_back();
      continue;
    }
    if (cpus > free) continue;
    const core_set found = books.find(cpus);
    ASSERT_EQ(sum(found), cpus) << "amounts alone decide whether there is room";
    ASSERT_TRUE(std::ranges::is_sorted(found, std::ranges::less_equal{}, &core_share::number) ||
                found.size() < 2);
    // Only where whole ones are not there any more do leases share.
    const std::int64_t shared = books.shared(found);
    std::size_t whole = 0;
    for (std::uint32_t core = 0; core < 64; ++core) whole += books.is_free({{core, unit}}) ? 1 : 0;
    if (whole >= static_cast<std::size_t>((cpus + unit - 1) / unit)) {
      ASSERT_EQ(shared, 0);
    }
    books.take(found);
    free -= cpus;
    held.push_back(found);
  }
  for (const core_set& one : held) books.give(one);
  EXPECT_TRUE(std::ranges::all_of(std::vector<std::uint32_t>{0, 31, 63}, [&](std::uint32_t core) {
    return books.is_free({{core, unit}});
  }));
}

}  // namespace
}  // namespace mobula::core
