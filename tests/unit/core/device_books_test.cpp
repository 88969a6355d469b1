#include "core/device_books.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "seed.hpp"

namespace mobula::core {
namespace {

using ::testing::ElementsAre;

constexpr std::int64_t unit = wire::resource_amounts::unit;

/// Numbers of devices that a lease gets, which are taken.
std::vector<std::uint32_t> numbers(device_books& books, double gpus) {
  const auto found = books.find(static_cast<std::int64_t>(gpus * unit));
  if (!found) return {};
  books.take(*found);
  std::vector<std::uint32_t> all;
  for (const device_share& one : *found) all.push_back(one.number);
  return all;
}

TEST(DeviceBooks, WholeDevicesAreOneLeasesAlone) {
  device_books books{std::vector<device>(3)};
  EXPECT_THAT(numbers(books, 2), ElementsAre(0, 1));
  EXPECT_THAT(numbers(books, 2), ElementsAre());
  EXPECT_THAT(numbers(books, 1), ElementsAre(2));
  EXPECT_FALSE(books.find(1));
  EXPECT_TRUE(books.feasible(3 * unit));
  EXPECT_FALSE(books.feasible(4 * unit));
}

TEST(DeviceBooks, PartsPackAndLeaveTheOthersWhole) {
  device_books books{std::vector<device>(3)};
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(0));
  EXPECT_THAT(numbers(books, 0.25), ElementsAre(0));
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(1)) << "there is a quarter left of the first";
  EXPECT_THAT(numbers(books, 0.25), ElementsAre(0));
  EXPECT_THAT(numbers(books, 1), ElementsAre(2));
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(1));
  EXPECT_THAT(numbers(books, 0.0001), ElementsAre());
}

TEST(DeviceBooks, SeveralLieAsCloseTogetherAsTheyCan) {
  device_books books{std::vector<device>(8)};
  books.take({{1, unit}, {4, unit}});
  EXPECT_THAT(numbers(books, 2), ElementsAre(2, 3));
  EXPECT_THAT(numbers(books, 3), ElementsAre(5, 6, 7));
}

TEST(DeviceBooks, MoreThanOneAreWhole) {
  const device_books books{std::vector<device>(4)};
  EXPECT_FALSE(books.find(unit + unit / 2));
  EXPECT_FALSE(books.feasible(unit + unit / 2));
}

TEST(DeviceBooks, NoLeaseHasTwoInstancesOfMig) {
  std::vector<device> devices(4);
  devices[0].is_part = devices[1].is_part = devices[2].is_part = true;
  device_books books{devices};
  EXPECT_FALSE(books.feasible(2 * unit));
  EXPECT_THAT(numbers(books, 1), ElementsAre(0));
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(1)) << "a part of one may be shared";
}

TEST(DeviceBooks, AnExclusiveDeviceHasNoParts) {
  std::vector<device> devices(2);
  devices[0].can_be_shared = false;
  device_books books{devices};
  EXPECT_THAT(numbers(books, 0.5), ElementsAre(1));
  EXPECT_THAT(numbers(books, 0.75), ElementsAre());
  EXPECT_THAT(numbers(books, 1), ElementsAre(0));
  devices.pop_back();
  EXPECT_FALSE(device_books{devices}.feasible(unit / 2));
}

TEST(DeviceBooks, OfNoGpusNoneAreTaken) {
  device_books none;
  EXPECT_TRUE(none.feasible(0));
  EXPECT_EQ(none.find(0), device_set{});
  EXPECT_FALSE(none.feasible(1));
}

TEST(DeviceBooks, AddUpWhateverComesAndGoes) {
  std::mt19937_64 random{test_seed()};
  device_books books{std::vector<device>(5)};
  std::vector<device_set> held;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0 && !held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      books.give(held.back());
      held.pop_back();
    } else if (const auto found =
                   books.find(random() % 3 == 0 ? static_cast<std::int64_t>(random() % 4) * unit
                                                : static_cast<std::int64_t>(random() % unit))) {
      books.take(*found);
      held.push_back(*found);
    }
    std::vector<std::int64_t> taken(books.size());
    for (const auto& set : held)
      for (const device_share& one : set) taken[one.number] += one.amount;
    ASSERT_LE(*std::ranges::max_element(taken), unit);
  }
}

}  // namespace
}  // namespace mobula::core
