#include "store/populate.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "store/extent.hpp"
#include "store/warm_ahead.hpp"

namespace mobula::store {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

std::uint64_t resident_bytes(const extent& one) {
  struct stat status {};
  ::fstat(one.file(), &status);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

class Populate : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(Ways, Populate, testing::Values(false, true), [](const auto& way) {
  return way.param ? "AsOldKernels" : "AsThisKernel";
});

TEST_P(Populate, GivesMemoryToThosePagesAndNoOthers) {
  auto tested = extent::make(8 * mib);
  ASSERT_TRUE(populate(tested->file(), mib, 2 * mib, GetParam()));
  EXPECT_EQ(resident_bytes(*tested), 2 * mib);
  ASSERT_TRUE(populate(tested->file(), 2 * mib, 2 * mib, GetParam()));
  EXPECT_EQ(resident_bytes(*tested), 3 * mib);
}

TEST_P(Populate, ChangesNothingThatIsThereOrComesMeanwhile) {
  auto tested = extent::make(4 * mib);
  const auto bytes = tested->bytes();
  std::memset(bytes.data(), 1, 2 * mib);
  std::atomic<bool> done{false};
  std::thread writer{[&] {
    for (std::size_t at = 2 * mib; at < 4 * mib; at += 64) bytes[at] = std::byte{2};
    done = true;
  }};
  while (!done) ASSERT_TRUE(populate(tested->file(), 0, 4 * mib, GetParam()));
  writer.join();
  for (std::size_t at = 0; at < 2 * mib; ++at) ASSERT_EQ(bytes[at], std::byte{1}) << at;
  for (std::size_t at = 2 * mib; at < 4 * mib; at += 64) ASSERT_EQ(bytes[at], std::byte{2}) << at;
}

TEST_P(Populate, SaysWhatTheSystemRefuses) {
  EXPECT_FALSE(populate(-1, 0, mib, GetParam()));
  auto tested = extent::make(mib);
  const descriptor read_only{
      ::open(("/proc/self/fd/" + std::to_string(tested->file())).c_str(), O_RDONLY | O_CLOEXEC)};
  EXPECT_FALSE(populate(read_only.get(), 0, mib, GetParam()));
}

TEST(WarmAhead, PopulatesWhatItIsGiven) {
  auto first = extent::make(64 * mib);
  auto second = extent::make(64 * mib);
  warm_ahead tested;
  tested.add(0, first->file(), 0, 5 * mib);
  tested.add(1, second->file(), 60 * mib, 4 * mib);
  tested.finish();
  EXPECT_EQ(resident_bytes(*first), 5 * mib);
  EXPECT_EQ(resident_bytes(*second), 4 * mib);
}

TEST(WarmAhead, LeavesAnExtentAloneOnceItIsDropped) {
  auto dropped = extent::make(256 * mib);
  auto other = extent::make(8 * mib);
  warm_ahead tested;
  for (int i = 0; i < 20; ++i) {
    tested.add(0, dropped->file(), 0, 256 * mib);
    tested.add(1, other->file(), 0, 8 * mib);
    tested.drop(0);
    dropped->release_memory(0, 256 * mib);
    tested.finish();
    ASSERT_EQ(resident_bytes(*dropped), 0U);
    ASSERT_EQ(resident_bytes(*other), 8 * mib);
  }
}

TEST(WarmAhead, EndsWithWorkInLine) {
  auto first = extent::make(256 * mib);
  {
    warm_ahead tested;
    tested.add(0, first->file(), 0, 256 * mib);
  }
  first->release_memory(0, 256 * mib);
  EXPECT_EQ(resident_bytes(*first), 0U);
}

}  // namespace
}  // namespace mobula::store
