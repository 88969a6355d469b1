#include "store/large_copy.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "store/extent.hpp"

namespace mobula::store {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

class LargeCopy : public testing::Test {
 protected:
  ~LargeCopy() override { share_large_copies(1); }
};

// No two words are the same.
std::vector<std::byte> bytes_of(std::size_t size) {
  std::vector<std::byte> all(size);
  for (std::size_t i = 0; i + 8 <= size; i += 8) std::memcpy(all.data() + i, &i, 8);
  return all;
}

TEST_F(LargeCopy, IsSharedByAsManyThreadsAsAreAllowedAndHaveEnoughToDo) {
  EXPECT_EQ(threads_of_copy(1000 * mib), 1U);
  share_large_copies(4);
  EXPECT_EQ(threads_of_copy(0), 1U);
  EXPECT_EQ(threads_of_copy(15 * mib), 1U);
  EXPECT_EQ(threads_of_copy(16 * mib), 2U);
  EXPECT_EQ(threads_of_copy(1000 * mib), 4U);
  share_large_copies(0);
  EXPECT_EQ(threads_of_copy(1000 * mib), 1U);
}

TEST_F(LargeCopy, CopiesWhatItIsGivenAndNothingElse) {
  const std::vector<std::byte> from = bytes_of(33 * mib + 77);
  std::vector<std::byte> to(from.size());
  for (const unsigned threads : {1U, 2U, 4U}) {
    share_large_copies(threads);
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, 5000 * std::size_t{1}, 2 * mib, 16 * mib + 5, 33 * mib}) {
      SCOPED_TRACE(std::to_string(threads) + " threads, " + std::to_string(size) + " bytes");
      std::ranges::fill(to, std::byte{0xee});
      large_copy(to.data() + 9, from.data() + 3, size);
      EXPECT_EQ(std::memcmp(to.data() + 9, from.data() + 3, size), 0);
      const auto untouched = [](std::byte one) { return one == std::byte{0xee}; };
      EXPECT_TRUE(std::all_of(to.begin(), to.begin() + 9, untouched));
      EXPECT_TRUE(
          std::all_of(to.begin() + 9 + static_cast<std::ptrdiff_t>(size), to.end(), untouched));
    }
  }
}

TEST_F(LargeCopy, TakesMemoryForWhatItFillsAndNoMore) {
  const std::vector<std::byte> from = bytes_of(20 * mib);
  for (const unsigned threads : {1U, 2U}) {
    share_large_copies(threads);
    auto cold = extent::make(64 * mib);
    ASSERT_TRUE(cold);
    std::byte* const to = cold->bytes().data() + 4 * mib + 64;
    large_copy(to, from.data(), from.size());
    EXPECT_EQ(std::memcmp(to, from.data(), from.size()), 0);
    struct stat status {};
    ASSERT_EQ(::fstat(cold->file(), &status), 0);
    const auto resident = static_cast<std::uint64_t>(status.st_blocks) * 512;
    EXPECT_GE(resident, 20 * mib + 4096);
    EXPECT_LE(resident, 22 * mib);  // where pages are large
  }
}

}  // namespace
}  // namespace mobula::store
