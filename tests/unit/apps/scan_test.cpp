// A text that is cut anywhere must give the counts of the whole, each word once.

#include "wordcount/scan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <system_error>
#include <utility>

#include "seed.hpp"

namespace wordcount {
namespace {

using counts = std::map<std::string, std::uint64_t>;

// A text in memory that is read in pieces of at most `step` bytes, as a slow disk would.
class text_source final : public byte_source {
 public:
  explicit text_source(std::string_view text, std::size_t step) : text_{text}, step_{step} {}
  std::size_t read(std::uint64_t offset, std::span<char> room) override {
    if (offset >= text_.size()) return 0;
    return text_.copy(room.data(), std::min(room.size(), step_), offset);
  }

 private:
  std::string_view text_;
  std::size_t step_;
};

counts counted(std::string_view text, const std::vector<std::uint64_t>& cuts,
               std::size_t step = 1 << 20) {
  word_table table;
  text_source source{text, step};
  std::uint64_t begin = 0;
  for (const std::uint64_t end : cuts) {
    count_words(source, begin, end, table);
    begin = end;
  }
  count_words(source, begin, text.size(), table);
  counts found;
  table.for_each([&](std::string_view word, std::uint64_t count) { found.emplace(word, count); });
  return found;
}

// The definition, as plainly as it can be said.
counts expected(std::string_view text) {
  counts all;
  std::string word;
  for (const char byte : text) {
    if (is_word_byte(byte)) {
      word += byte;
    } else if (!word.empty()) {
      ++all[std::exchange(word, {})];
    }
  }
  if (!word.empty()) ++all[word];
  return all;
}

TEST(Scan, CountsAWordAcrossACutOnce) {
  const std::string text = "one two one";
  for (std::uint64_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(counted(text, {cut}), (counts{{"one", 2}, {"two", 1}})) << "cut at " << cut;
  }
}

TEST(Scan, CountsAWordOverSeveralCutsOnce) {
  EXPECT_EQ(counted("abcdefghij", {2, 4, 6}), (counts{{"abcdefghij", 1}}));
  EXPECT_EQ(counted(" abcdefghij ", {0, 1, 2, 11, 12}), (counts{{"abcdefghij", 1}}));
}

TEST(Scan, TakesBytesBeyondAsciiForLettersAndZeroesForGaps) {
  EXPECT_EQ(counted("na\xc3\xafve caf\xc3\xa9", {3, 10}),
            (counts{{"na\xc3\xafve", 1}, {"caf\xc3\xa9", 1}}));
  EXPECT_EQ(counted(std::string_view{"a\0b\0\0c", 6}, {1}), (counts{{"a", 1}, {"b", 1}, {"c", 1}}));
}

TEST(Scan, GivesTheSameWhereverATextIsCutAndHoweverItIsRead) {
  std::mt19937_64 random{mobula::test_seed()};
  for (int round = 0; round < 500; ++round) {
    std::string text(random() % 400, ' ');
    for (char& byte : text) {
      byte = random() % 5 == 0 ? static_cast<char>(random()) : "ab _-"[random() % 5];
    }
    std::vector<std::uint64_t> cuts(random() % 8);
    for (auto& cut : cuts) cut = random() % (text.size() + 1);
    std::sort(cuts.begin(), cuts.end());
    EXPECT_EQ(counted(text, cuts, 1 + random() % 20), expected(text));
  }
}

TEST(Scan, GoesOnOverWordsLongerThanAnyChunk) {
  const std::string text = std::string(3 << 20, 'x') + ' ' + std::string(1 << 20, 'y');
  const auto found = counted(text, {1 << 19, 1 << 20, 2 << 20, 3 << 20});
  EXPECT_EQ(found, (counts{{std::string(3 << 20, 'x'), 1}, {std::string(1 << 20, 'y'), 1}}));
}

TEST(Scan, StopsWhereAFileHasShrunkMeanwhile) {
  word_table table;
  text_source source{"one two", 100};
  count_words(source, 0, 1'000, table);
  count_words(source, 500, 1'000, table);
  EXPECT_EQ(table.size(), 2U);
}

TEST(Scan, OfAFileThatCantBeReadThrowsTheReason) {
  word_table table;
  try {
    count_words(apps::piece{"/no/such/file", 0, 10}, table);
    ADD_FAILURE() << "it was read";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }
}

}  // namespace
}  // namespace wordcount
