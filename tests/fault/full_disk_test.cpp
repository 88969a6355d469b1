// The store's spill file on a disk that is really full: full_disk FOLDER, on a small file system of
// its own (on_a_small_disk.sh).

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "store/spill_file.hpp"
#include "store/spill_folder.hpp"

namespace mobula::store {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr std::uint64_t object_bytes = 2 * mib;
constexpr std::uint64_t objects = 8;  // more than the disk has room for
constexpr auto patience = 60s;

std::string folder;

using bytes = std::vector<std::byte>;

bytes pattern(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  bytes made(object_bytes);
  for (std::size_t at = 0; at < made.size(); at += 8) {
    const std::uint64_t word = random();
    std::memcpy(made.data() + at, &word, 8);
  }
  return made;
}

// By token: what failed, or "".
std::map<std::uint64_t, std::string> wait_for_all(spill_file& tested) {
  std::map<std::uint64_t, std::string> all;
  const auto until = std::chrono::steady_clock::now() + patience;
  while (tested.under_way() != 0 && std::chrono::steady_clock::now() < until) {
    pollfd readable{tested.event(), POLLIN, 0};
    ::poll(&readable, 1, 1000);
    for (const auto& one : tested.take_completions()) all[one.token] = one.failure.value_or("");
  }
  EXPECT_EQ(tested.under_way(), 0U);
  return all;
}

bool has(const spill_file& tested, const spill_range& where, const bytes& value) {
  bytes got(value.size());
  return !tested.read_now(where, 0, got) && got == value;
}

class FullDisk : public testing::TestWithParam<bool> {};

TEST_P(FullDisk, FailsTheWritesThatFindNoRoomAndLosesNothing) {
  const spill_folder found = find_spill_folder({folder, {}, true});
  ASSERT_EQ(found.path, folder) << found.refusal;
  ASSERT_GT(found.free_bytes, object_bytes);
  ASSERT_LT(found.free_bytes, objects * object_bytes);

  std::string refusal;
  const auto tested = spill_file::open({folder, 64 * mib, mib, GetParam()}, refusal);
  ASSERT_TRUE(tested) << refusal;
  std::vector<bytes> values;
  std::vector<spill_range> ranges;
  for (std::uint64_t i = 0; i < objects; ++i) {
    values.push_back(pattern(i));
    ranges.push_back(*tested->take(object_bytes));
    tested->write(i, ranges.back(), values.back());
  }
  std::vector<std::size_t> written;
  std::vector<std::size_t> refused;
  for (const auto& [token, failure] : wait_for_all(*tested)) {
    (failure.empty() ? written : refused).push_back(token);
    if (failure.empty()) continue;
    EXPECT_THAT(failure, HasSubstr("No space left on device"));
    EXPECT_THAT(failure, HasSubstr(folder));
    EXPECT_THAT(failure, HasSubstr("free disk space"));
  }
  ASSERT_FALSE(written.empty());
  ASSERT_FALSE(refused.empty());
  for (const std::size_t one : written) EXPECT_TRUE(has(*tested, ranges[one], values[one])) << one;

  // It goes on with what disk it has.
  const bytes other = pattern(99);
  EXPECT_TRUE(tested->give_back(ranges[written.front()]));
  const auto again = *tested->take(object_bytes);
  EXPECT_EQ(again.offset, ranges[written.front()].offset);
  tested->write(99, again, other);
  EXPECT_EQ(wait_for_all(*tested).at(99), "");
  EXPECT_TRUE(has(*tested, again, other));
  for (std::size_t i = 1; i < written.size(); ++i)
    EXPECT_TRUE(has(*tested, ranges[written[i]], values[written[i]]));
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

INSTANTIATE_TEST_SUITE_P(Ways, FullDisk, testing::Values(false, true), [](const auto& way) {
  return way.param ? "MadeUnderAName" : "BornUnnamed";
});

}  // namespace
}  // namespace mobula::store

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 64;
  mobula::store::folder = argv[1];
  return RUN_ALL_TESTS();
}
