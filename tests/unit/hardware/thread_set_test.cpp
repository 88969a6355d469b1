#include "hardware/thread_set.hpp"

#include <gtest/gtest.h>

namespace mobula::hardware {
namespace {

TEST(ThreadSet, GoesThroughTheKernelsNotation) {
  for (const char* text : {"", "0", "0-3", "0-3,8", "1,3,5", "63-64", "200-210,1500"}) {
    const auto set = thread_set::parse(text);
    ASSERT_TRUE(set.has_value()) << text;
    EXPECT_EQ(set->text(), text);
  }
  for (const char* bad : {"x", "1-", "-1", "3-1", "1,", "1;2", "0-99999999"}) {
    EXPECT_FALSE(thread_set::parse(bad).has_value()) << bad;
  }
}

TEST(ThreadSet, CountsAndCombines) {
  thread_set a = *thread_set::parse("0-3,100");
  const thread_set b = *thread_set::parse("2-5");
  EXPECT_EQ(a.count(), 5U);
  EXPECT_TRUE(a.overlaps(b));
  EXPECT_FALSE(a.overlaps(*thread_set::parse("64-99")));
  thread_set both = a;
  both &= b;
  EXPECT_EQ(both, *thread_set::parse("2-3"));
  a |= b;
  EXPECT_EQ(a.text(), "0-5,100");
  a -= *thread_set::parse("1-2,100,300");
  EXPECT_EQ(a, *thread_set::parse("0,3-5"));
}

TEST(ThreadSet, BindsTheThread) {
  const thread_set before = thread_set::of_this_thread();
  ASSERT_FALSE(before.empty());
  thread_set one;
  one.add(before.list().back());
  ASSERT_TRUE(one.bind_this_thread());
  EXPECT_EQ(thread_set::of_this_thread(), one);
  ASSERT_TRUE(before.bind_this_thread());
  EXPECT_EQ(thread_set::of_this_thread(), before);
}

}  // namespace
}  // namespace mobula::hardware
