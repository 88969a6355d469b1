#include "transport/ucx/registrations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "transport/ucx/links.hpp"

namespace mobula::ucx {
namespace {

constexpr std::size_t region_bytes = 1 << 20;

/// Four regions, of which two fit the budget.
class Registrations : public testing::Test {
 protected:
  bool use(std::uint32_t region) { return tested.use(region, memory[region]).has_value(); }

  links network{0, 1};
  std::vector<std::vector<std::byte>> memory = std::vector(4, std::vector<std::byte>(region_bytes));
  registrations tested{network.context(), 2 * region_bytes};
};

TEST_F(Registrations, AreMadeOnceAndKept) {
  ASSERT_TRUE(use(0));
  EXPECT_EQ(tested.bytes(), region_bytes);
  const auto key = tested.key_for(0, 5);
  EXPECT_NE(key.number, 0U);
  EXPECT_FALSE(key.bytes.empty());
  EXPECT_TRUE(use(0));
  tested.end_use(0);
  tested.end_use(0);
  EXPECT_EQ(tested.bytes(), region_bytes);
  ASSERT_TRUE(use(0));
  EXPECT_EQ(tested.key_for(0, 6).number, key.number);
  EXPECT_TRUE(tested.take_revoked().empty());
}

TEST_F(Registrations, TheLongestIdleMakesRoomAndItsKeyIsRevoked) {
  ASSERT_TRUE(use(0) && use(1));
  const auto first = tested.key_for(0, 5).number;
  const auto second = tested.key_for(1, 5).number;
  tested.key_for(1, 6);
  tested.end_use(1);
  tested.end_use(0);
  ASSERT_TRUE(use(2));
  EXPECT_EQ(tested.bytes(), 2 * region_bytes);
  EXPECT_THAT(tested.take_revoked(), testing::ElementsAre(std::pair{wire::node_id{5}, second},
                                                          std::pair{wire::node_id{6}, second}));
  ASSERT_TRUE(use(0)) << "it was not the one";
  EXPECT_EQ(tested.key_for(0, 7).number, first);
  tested.end_use(0);
  ASSERT_TRUE(use(1));
  EXPECT_NE(tested.key_for(1, 5).number, second);
}

TEST_F(Registrations, WhatIsInUseStaysAndTheOthersGetNone) {
  ASSERT_TRUE(use(0) && use(1));
  EXPECT_FALSE(use(2));
  EXPECT_TRUE(use(1));
  tested.end_use(1);
  EXPECT_FALSE(use(2));
  tested.end_use(1);
  EXPECT_TRUE(use(2));
}

TEST_F(Registrations, ARegionLargerThanTheBudgetGetsNone) {
  std::vector<std::byte> large(2 * region_bytes + 1);
  EXPECT_FALSE(tested.use(7, large));
  EXPECT_TRUE(use(0));
}

TEST_F(Registrations, WhatIsDroppedIsRevokedAndMadeAnew) {
  ASSERT_TRUE(use(0));
  const auto before = tested.key_for(0, 5).number;
  tested.end_use(0);
  tested.drop(0);
  tested.drop(1);  // never was
  EXPECT_EQ(tested.bytes(), 0U);
  EXPECT_THAT(tested.take_revoked(), testing::ElementsAre(std::pair{wire::node_id{5}, before}));
  ASSERT_TRUE(use(0));
  EXPECT_NE(tested.key_for(0, 5).number, before);
}

}  // namespace
}  // namespace mobula::ucx
