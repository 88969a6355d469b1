#include "store/numa_choice.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace mobula::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr numa_choice warm(unsigned domain) { return {domain, true}; }
constexpr numa_choice cold(unsigned domain) { return {domain, false}; }

// Two sockets; four domains in a ring; two sockets of two domains each; memory of another kind.
const numa_distances one{{10}};
const numa_distances two{{10, 21}, {21, 10}};
const numa_distances ring{{10, 16, 22, 16}, {16, 10, 16, 22}, {22, 16, 10, 16}, {16, 22, 16, 10}};
const numa_distances pairs{{10, 12, 32, 32}, {12, 10, 32, 32}, {32, 32, 10, 12}, {32, 32, 12, 10}};
const numa_distances even{{10, 20, 20, 20}, {20, 10, 20, 20}, {20, 20, 10, 20}, {20, 20, 20, 10}};

std::vector<domain_room> all_with(std::size_t count, domain_room room) {
  return std::vector<domain_room>(count, room);
}

TEST(NumaChoice, OnOneDomainWarmComesBeforeCold) {
  EXPECT_THAT(domains_to_try(one, 0, all_with(1, {100, 100}), 50), ElementsAre(warm(0), cold(0)));
  EXPECT_THAT(domains_to_try(one, 0, all_with(1, {100, 400}), 200), ElementsAre(cold(0)));
  EXPECT_THAT(domains_to_try(one, 0, all_with(1, {100, 400}), 500), IsEmpty());
}

TEST(NumaChoice, IsTheOwnDomainFirst) {
  EXPECT_THAT(domains_to_try(two, 0, all_with(2, {100, 100}), 50),
              ElementsAre(warm(0), warm(1), cold(0), cold(1)));
  EXPECT_THAT(domains_to_try(two, 1, all_with(2, {100, 100}), 50),
              ElementsAre(warm(1), warm(0), cold(1), cold(0)));
}

TEST(NumaChoice, ANeighboursWarmMemoryComesBeforeOwnColdMemoryButNotFromFarAway) {
  EXPECT_THAT(domains_to_try(pairs, 0, all_with(4, {100, 100}), 50),
              ElementsAre(warm(0), warm(1), cold(0), warm(2), warm(3), cold(1), cold(2), cold(3)));
}

TEST(NumaChoice, LeavesOutWhoHasNoRoom) {
  const std::vector<domain_room> rooms{{10, 10}, {10, 100}, {100, 10}, {10, 10}};
  EXPECT_THAT(domains_to_try(ring, 0, rooms, 50), ElementsAre(warm(2), cold(1)));
  EXPECT_THAT(domains_to_try(ring, 1, rooms, 50), ElementsAre(warm(2), cold(1)));
  EXPECT_THAT(domains_to_try(ring, 1, rooms, 101), IsEmpty());
}

TEST(NumaChoice, SpreadsOverEqualsFromWhereItStands) {
  const auto rooms = all_with(4, {100, 0});
  EXPECT_THAT(domains_to_try(even, 0, rooms, 1), ElementsAre(warm(0), warm(1), warm(2), warm(3)));
  EXPECT_THAT(domains_to_try(even, 2, rooms, 1), ElementsAre(warm(2), warm(3), warm(0), warm(1)));
  EXPECT_THAT(domains_to_try(ring, 3, rooms, 1), ElementsAre(warm(3), warm(0), warm(2), warm(1)));
}

}  // namespace
}  // namespace mobula::store
