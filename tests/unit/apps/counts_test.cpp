#include "wordcount/counts.hpp"

#include <gmock/gmock.h>

#include <map>

#include "seed.hpp"

namespace wordcount {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(WordTable, CountsLikeAMap) {
  std::mt19937_64 random{mobula::test_seed()};
  word_table table;
  std::map<std::string, std::uint64_t> expected;
  for (int i = 0; i < 100'000; ++i) {
    const std::string word = "w" + std::to_string(random() % 20'000);
    const std::uint64_t count = random() % 3;
    table.add(word, count);
    if (count != 0) expected[word] += count;
  }
  std::map<std::string, std::uint64_t> found;
  table.for_each([&](std::string_view word, std::uint64_t count) { found.emplace(word, count); });
  EXPECT_EQ(found, expected);
  EXPECT_EQ(table.size(), expected.size());
}

TEST(Partition, PutsEachWordIntoOneAndMergingGivesAllBack) {
  word_table one;
  word_table other;
  for (int i = 0; i < 5'000; ++i) one.add("word" + std::to_string(i));
  for (int i = 2'500; i < 7'500; ++i) other.add("word" + std::to_string(i), 2);

  constexpr std::uint32_t parts = 7;
  const auto first = partition(one, parts);
  const auto second = partition(other, parts);
  ASSERT_EQ(first.size(), parts);
  ranking all;
  for (std::uint32_t part = 0; part < parts; ++part) {
    EXPECT_GT(first[part].counts.size(), 5'000 / parts / 2) << "partitions are of similar size";
    word_table merged;
    add(first[part], merged);
    add(second[part], merged);
    all = merge(std::move(all), rank(merged, 0), 0);
  }
  EXPECT_EQ(all.distinct_words, 7'500U);
  EXPECT_EQ(all.words, 5'000U + 2 * 5'000U);
  EXPECT_THAT(all.top.front(), Pair("word2500", 3U));
  EXPECT_EQ(all.top.size(), 7'500U);
}

TEST(Ranking, PutsTheMostFrequentFirstAndEqualsInByteOrder) {
  word_table table;
  table.add("b", 2);
  table.add("a", 2);
  table.add("Z", 2);
  table.add("c", 3);
  table.add("d", 1);
  EXPECT_THAT(rank(table, 4).top,
              ElementsAre(Pair("c", 3), Pair("Z", 2), Pair("a", 2), Pair("b", 2)));
  EXPECT_EQ(rank(table, 4).distinct_words, 5U);
  EXPECT_EQ(rank(table, 0).top.size(), 5U);
  EXPECT_EQ(rank(table, 99).top.size(), 5U);
}

TEST(Ranking, MergesToTheSameAsOneTableGives) {
  ranking one{{{"a", 5}, {"c", 1}}, 6, 2, {"x: gone"}};
  ranking other{{{"b", 5}, {"d", 2}}, 7, 2, {"y: gone"}};
  const ranking both = merge(one, other, 3);
  EXPECT_THAT(both.top, ElementsAre(Pair("a", 5), Pair("b", 5), Pair("d", 2)));
  EXPECT_EQ(both.words, 13U);
  EXPECT_EQ(both.distinct_words, 4U);
  EXPECT_THAT(both.unreadable, ElementsAre("x: gone", "y: gone"));
}

}  // namespace
}  // namespace wordcount
