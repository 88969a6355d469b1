#include "sort/slice.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "apps/error_of.hpp"
#include "apps/made_records.hpp"
#include "seed.hpp"
#include "temporary_folder.hpp"

namespace sorting {
namespace {

using apps::error_of;

TEST(Slices, GiveTheWholeInputOnceFromFilesOfAnySize) {
  std::mt19937_64 random{mobula::test_seed()};
  const mobula::temporary_folder folder;
  for (int round = 0; round < 30; ++round) {
    const auto whole = made(random(), 0, random() % 500);
    std::vector<apps::found_file> files;
    for (std::size_t begin = 0; begin < whole.size();) {
      const std::size_t size = std::min<std::size_t>(random() % 80, whole.size() - begin);
      const auto path =
          folder.file(std::to_string(files.size()), text_of(std::span{whole}.subspan(begin, size)));
      files.push_back(input_of(path));
      begin += size;
    }
    std::uint64_t next = 0;
    for (const slice& slice : slices_of(files, 1 + random() % 200)) {
      EXPECT_EQ(slice.first, next);
      slice_reader reader{slice};
      std::vector<record> seen(slice.count);
      for (std::size_t begin = 0; begin < seen.size();) {
        const std::size_t size = std::min<std::size_t>(1 + random() % 70, seen.size() - begin);
        reader.read(begin, std::span{seen}.subspan(begin, size));
        begin += size;
      }
      EXPECT_TRUE(same(seen, std::span{whole}.subspan(next, slice.count)));
      next += slice.count;
    }
    EXPECT_EQ(next, whole.size());
  }
}

TEST(Slices, ToMakeGiveTheWholeRowOnce) {
  const auto whole = made(5, 0, 1'000);
  std::uint64_t next = 0;
  for (const slice& slice : slices_to_make(1'000, 5, 300)) {
    EXPECT_EQ(slice.first, next);
    std::vector<record> seen(slice.count);
    slice_reader{slice}.read(0, seen);
    EXPECT_TRUE(same(seen, std::span{whole}.subspan(next, slice.count)));
    next += slice.count;
  }
  EXPECT_EQ(next, 1'000U);
}

TEST(Sample, HasOneRecordOfEachStretch) {
  const auto whole = made(5, 0, 1'003);
  const auto slices = slices_to_make(2'000, 5, 1'003);
  for (const std::uint64_t count : {1U, 10U, 1'003U, 5'000U}) {
    const auto sample = sample_of(slices[0], count);
    ASSERT_EQ(sample.size(), std::min<std::size_t>(count, 1'003));
    std::uint64_t begin = 0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      const std::uint64_t position = sample[i].low & ((std::uint64_t{1} << position_bits) - 1);
      const std::uint64_t length = 1'003 / sample.size() + (i < 1'003 % sample.size() ? 1 : 0);
      EXPECT_GE(position, begin);
      EXPECT_LT(position, begin + length);
      EXPECT_EQ(sample[i], place_of(whole.at(position), position));
      begin += length;
    }
  }
}

TEST(Input, ThatCantBeSortedIsNamed) {
  const mobula::temporary_folder folder;
  const auto refused = [](const std::string& path) { return error_of([&] { input_of(path); }); };
  const std::string odd = folder.file("odd", std::string(250, 'x'));
  EXPECT_EQ(refused(odd), odd + ": its 250 bytes are no multiple of 100, which a record has");
  EXPECT_EQ(refused("/no/such/file"), "/no/such/file: No such file or directory");
  EXPECT_EQ(refused(folder.path()), folder.path().string() + ": is no regular file");
  EXPECT_EQ(refused("/dev/zero"), "/dev/zero: is no regular file");
  EXPECT_EQ(input_of(folder.file("empty", "")).size_bytes, 0U);
}

TEST(SliceReader, NamesAFileThatBecameShorterOrWent) {
  const mobula::temporary_folder folder;
  const std::string path = folder.file("file", text_of(made(1, 0, 10)));
  const auto slices = slices_of(std::vector{input_of(path)}, 10);
  std::vector<record> room(10);
  std::filesystem::resize_file(path, 950);
  EXPECT_EQ(error_of([&] { slice_reader{slices[0]}.read(0, room); }),
            path + ": has become shorter while it was read");
  std::filesystem::remove(path);
  EXPECT_EQ(error_of([&] { slice_reader{slices[0]}.read(0, room); }),
            path + ": No such file or directory");
}

}  // namespace
}  // namespace sorting
