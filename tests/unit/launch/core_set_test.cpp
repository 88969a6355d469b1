#include "launch/core_set.hpp"

#include <gtest/gtest.h>

namespace mobula::launch {
namespace {

TEST(CoreSet, GoesThroughTheKernelsNotation) {
  for (const char* text : {"", "0", "0-3", "0-3,8", "1,3,5", "63-64", "200-210,1500"}) {
    const auto set = core_set::parse(text);
    ASSERT_TRUE(set.has_value()) << text;
    EXPECT_EQ(set->text(), text);
  }
  for (const char* bad : {"x", "1-", "-1", "3-1", "1,", "1;2", "0-99999999"}) {
    EXPECT_FALSE(core_set::parse(bad).has_value()) << bad;
  }
}

TEST(CoreSet, CountsAndCombines) {
  core_set a = *core_set::parse("0-3,100");
  const core_set b = *core_set::parse("2-5");
  EXPECT_EQ(a.count(), 5U);
  EXPECT_TRUE(a.overlaps(b));
  EXPECT_FALSE(a.overlaps(*core_set::parse("64-99")));
  core_set both = a;
  both &= b;
  EXPECT_EQ(both, *core_set::parse("2-3"));
  a |= b;
  EXPECT_EQ(a.text(), "0-5,100");
}

TEST(CoreSet, BindsTheThread) {
  const core_set before = core_set::of_this_thread();
  ASSERT_FALSE(before.empty());
  core_set one;
  one.add(before.list().back());
  ASSERT_TRUE(one.bind_this_thread());
  EXPECT_EQ(core_set::of_this_thread(), one);
  ASSERT_TRUE(before.bind_this_thread());
  EXPECT_EQ(core_set::of_this_thread(), before);
}

}  // namespace
}  // namespace mobula::launch
