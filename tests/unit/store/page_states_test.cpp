#include "store/page_states.hpp"

#include <gtest/gtest.h>

namespace mobula::store {
namespace {

constexpr std::uint64_t page = page_states::page_bytes;

std::uint64_t cooled_bytes(page_states& tested, std::uint64_t bytes) {
  std::uint64_t sum = 0;
  for (const auto& one : tested.cool(bytes)) sum += one.size_bytes;
  return sum;
}

TEST(PageStates, APageIsUsedAsLongAsAnythingLivesInIt) {
  page_states tested{10 * page, true};
  tested.use(100, page + 100);
  EXPECT_EQ(tested.idle_bytes(), 8 * page);
  tested.use(page + 128, 2 * page);
  EXPECT_EQ(tested.idle_bytes(), 8 * page);
  // The second block still lives in the second page.
  EXPECT_EQ(tested.leave(100, page + 100, {0, 0, page + 128}), page);
  EXPECT_EQ(tested.leave(page + 128, 2 * page, {0, 0, 10 * page}), page);
  EXPECT_EQ(tested.idle_bytes(), 10 * page);
}

TEST(PageStates, CoolsFromTheBackNoMoreThanWasAsked) {
  page_states tested{300 * page, true};
  tested.use(200 * page, 290 * page);
  const auto cooled = tested.cool(12 * page);
  ASSERT_EQ(cooled.size(), 2U);
  EXPECT_EQ(cooled[0].offset, 290 * page);
  EXPECT_EQ(cooled[0].size_bytes, 10 * page);
  EXPECT_EQ(cooled[1].offset, 198 * page);
  EXPECT_EQ(cooled[1].size_bytes, 2 * page);
  EXPECT_EQ(tested.warm_bytes(), 288 * page);
  EXPECT_EQ(tested.under(190 * page, 300 * page).cold_bytes, 12 * page);
  EXPECT_EQ(tested.under(190 * page, 300 * page).idle_bytes, 8 * page);
  EXPECT_EQ(cooled_bytes(tested, 1), page);
  EXPECT_EQ(cooled_bytes(tested, 1000 * page), 197 * page);
  EXPECT_EQ(tested.cool(1).size(), 0U);
}

TEST(PageStates, AStretchOverManyWordsIsOne) {
  page_states tested{1000 * page, true};
  const auto cooled = tested.cool(777 * page);
  ASSERT_EQ(cooled.size(), 1U);
  EXPECT_EQ(cooled[0].offset, 223 * page);
  EXPECT_EQ(cooled[0].size_bytes, 777 * page);
}

TEST(PageStates, TheLastPageMayBeShort) {
  page_states tested{page + 100 * 64, false};
  EXPECT_EQ(tested.warm_bytes(), 0U);
  EXPECT_EQ(tested.under(page, page + 6400).cold_bytes, 6400U - 0);
  tested.use(page + 64, page + 6400);
  EXPECT_EQ(tested.warm_bytes(), 6400U);
  EXPECT_EQ(tested.leave(page + 64, page + 6400, {0, 0, page + 6400}), 6400U);
  EXPECT_EQ(tested.idle_bytes(), 6400U);
  EXPECT_EQ(cooled_bytes(tested, 1), 6400U - page);
}

}  // namespace
}  // namespace mobula::store
