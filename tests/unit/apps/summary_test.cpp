#include "sort/summary.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "apps/error_of.hpp"
#include "apps/made_records.hpp"
#include "seed.hpp"
#include "temporary_folder.hpp"

namespace sorting {
namespace {

using apps::error_of;

summary summary_of(std::span<const record> records) {
  summary all;
  all.add(records);
  return all;
}

TEST(Summary, KnowsNoOrderAndNoPieces) {
  std::mt19937_64 random{mobula::test_seed()};
  auto records = made(random(), 0, 1'000);
  const summary all = summary_of(records);
  EXPECT_EQ(all.count, 1'000U);
  std::ranges::shuffle(records, random);
  EXPECT_EQ(summary_of(records), all);
  summary pieces = summary_of(std::span{records}.first(300));
  pieces += summary_of(std::span{records}.subspan(300));
  EXPECT_EQ(pieces, all);
}

TEST(Summary, SeesEveryBit) {
  auto records = made(1, 0, 1);
  const summary before = summary_of(records);
  for (char& byte : records[0].bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const char kept = std::exchange(byte, static_cast<char>(byte ^ (1 << bit)));
      EXPECT_NE(summary_of(records), before);
      byte = kept;
    }
  }
}

TEST(Summary, SeesWordsThatChangePlaces) {
  record one{};
  for (std::size_t i = 0; i < record_bytes; ++i) one.bytes[i] = static_cast<char>(i);
  const summary before = summary_of({&one, 1});
  for (std::size_t i = 0; i + 16 <= record_bytes; i += 8) {
    record other = one;
    std::swap_ranges(other.bytes.begin() + static_cast<std::ptrdiff_t>(i),
                     other.bytes.begin() + static_cast<std::ptrdiff_t>(i) + 8,
                     other.bytes.begin() + static_cast<std::ptrdiff_t>(i) + 8);
    EXPECT_NE(summary_of({&other, 1}), before) << i;
  }
}

TEST(Summary, SeesARecordThatIsThereTwiceInsteadOfAnother) {
  auto records = made(1, 0, 3);
  const summary before = summary_of(records);
  records[2] = records[1];
  EXPECT_NE(summary_of(records), before);
}

TEST(CheckSorted, FindsWhatAFileHolds) {
  const mobula::temporary_folder folder;
  auto records = made(1, 0, 25'000);  // several chunks
  std::ranges::sort(records, key_less);
  const sorted_file found = check_sorted(folder.file("sorted", text_of(records)));
  EXPECT_EQ(found.all, summary_of(records));
  EXPECT_TRUE(same({&found.first, 1}, {&records.front(), 1}));
  EXPECT_TRUE(same({&found.last, 1}, {&records.back(), 1}));
  EXPECT_EQ(check_sorted(folder.file("empty", "")).all, summary{});
}

TEST(CheckSorted, NamesAFileThatIsNotInOrderWhereverThatIs) {
  const mobula::temporary_folder folder;
  auto records = made(1, 0, 25'000);
  std::ranges::sort(records, key_less);
  for (const std::size_t at : {std::size_t{0}, std::size_t{9'999}, std::size_t{24'998}}) {
    std::swap(records[at], records[at + 1]);
    const std::string path = folder.file("wrong", text_of(records));
    EXPECT_EQ(error_of([&] { check_sorted(path); }), path + ": its records are not in order");
    std::swap(records[at], records[at + 1]);
  }
}

TEST(CheckSorted, NamesAFileThatIsMissingOrEndsWithinARecord) {
  const mobula::temporary_folder folder;
  const std::string path = folder.file("short", text_of(made(1, 0, 2)).substr(0, 150));
  EXPECT_EQ(error_of([&] { check_sorted(path); }), path + ": ends within a record");
  EXPECT_EQ(error_of([] { check_sorted("/no/such/file"); }),
            "/no/such/file: No such file or directory");
}

TEST(SortedFile, MayFollowWhatEndsAtItsFirstKey) {
  const mobula::temporary_folder folder;
  auto records = made(1, 0, 4);
  std::ranges::sort(records, key_less);
  const auto file = [&](std::size_t begin, std::size_t size) {
    return check_sorted(folder.file("sorted", text_of(std::span{records}.subspan(begin, size))));
  };
  EXPECT_TRUE(file(0, 2).is_before(file(2, 2)));
  EXPECT_TRUE(file(0, 2).is_before(file(1, 2)));
  EXPECT_FALSE(file(0, 3).is_before(file(1, 2)));
  EXPECT_TRUE(file(2, 2).is_before(file(0, 0)));
  EXPECT_TRUE(file(0, 0).is_before(file(0, 2)));
}

}  // namespace
}  // namespace sorting
