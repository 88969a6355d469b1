#include "store/mapper.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "wire/debug_build.hpp"

namespace mobula::store {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr std::uint64_t page = 4096;

// A store of one extent, as a process of its node sees it.
class node {
 public:
  explicit node(bool moves = page_tables_move())
      : memory_{*extent::make(64 * mib)}, moves_{moves} {}

  mapper map() {
    return mapper{[this](std::uint32_t) { return file(); }, moves_};
  }
  descriptor file() const { return descriptor{fcntl(memory_.file(), F_DUPFD_CLOEXEC, 0)}; }

 private:
  extent memory_;
  bool moves_;
};

wire::location block(std::uint64_t offset, std::uint64_t size_bytes) {
  wire::location where;
  where.offset = offset;
  where.size_bytes = size_bytes;
  return where;
}

bool is_all(std::span<const std::byte> of, int value) {
  return std::ranges::all_of(of, [value](std::byte one) { return one == std::byte(value); });
}

std::size_t mappings() {
  std::size_t count = 0;
  std::ifstream maps{"/proc/self/maps"};
  for (std::string line; std::getline(maps, line);)
    count += line.find("mobula store") != std::string::npos ? 1 : 0;
  return count;
}

long faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

TEST(Mapper, AsksAgainWhereAnExtentCouldNotBeHad) {
  node here;
  int asked = 0;
  mapper mine{[&](std::uint32_t) { return ++asked == 1 ? descriptor{} : here.file(); }};
  EXPECT_TRUE(mine.readable(block(0, page)).empty());
  EXPECT_FALSE(mine.readable(block(0, page)).empty());
  EXPECT_FALSE(mine.readable(block(0, page)).empty());
  EXPECT_EQ(asked, 2);
}

// By moving page tables, where the system does, and without.
std::vector<bool> ways() {
  return page_tables_move() ? std::vector{false, true} : std::vector{false};
}
class Lending : public testing::TestWithParam<bool> {
 protected:
  // Without moving, release builds rather are fast.
  static bool protects() { return GetParam() || wire::is_debug_build; }
};

TEST_P(Lending, WhatUserCodeWroteIsReadAndNotWrittenAgain) {
  node here{GetParam()};
  mapper mine = here.map();
  for (const std::uint64_t size : {2 * mib, 5 * mib + 100}) {
    const wire::location where = block(3 * page, size);
    const auto lent = mine.lend(where);
    ASSERT_EQ(lent.size(), size);
    std::memset(lent.data(), 42, lent.size());
    mine.take_back(where, lent);
    const auto seen = mine.readable(where);
    EXPECT_TRUE(is_all(seen, 42));
    if (protects()) {
      EXPECT_DEATH(*const_cast<volatile std::byte*>(&lent.front()) = std::byte{1}, "");
      EXPECT_DEATH(*const_cast<volatile std::byte*>(&lent.back()) = std::byte{1}, "");
    }
    // What only reads still can, and the process itself writes what is its own.
    EXPECT_TRUE(is_all(lent, 42));
    EXPECT_TRUE(is_all(seen, 42));
    mine.writable(where).front() = std::byte{43};
    EXPECT_EQ(seen.front(), std::byte{43});
  }
}

TEST_P(Lending, NeighboursGoOnWriting) {
  node here{GetParam()};
  mapper mine = here.map();
  const wire::location blocks[] = {block(page, 2 * mib), block(page + 2 * mib, 3 * mib),
                                   block(page + 5 * mib, 2 * mib)};
  std::vector<std::span<std::byte>> lent;
  for (const auto& where : blocks) lent.push_back(mine.lend(where));
  std::memset(lent[1].data(), 1, lent[1].size());
  mine.take_back(blocks[1], lent[1]);
  const auto small = mine.lend(block(0, page));
  std::memset(small.data(), 4, small.size());
  std::memset(lent[0].data(), 5, lent[0].size());
  std::memset(lent[2].data(), 6, lent[2].size());
  mine.take_back(blocks[2], lent[2]);
  mine.take_back(blocks[0], lent[0]);
  EXPECT_TRUE(is_all(mine.readable(blocks[0]), 5));
  EXPECT_TRUE(is_all(mine.readable(blocks[1]), 1));
  EXPECT_TRUE(is_all(mine.readable(blocks[2]), 6));
  EXPECT_TRUE(is_all(mine.readable(block(0, page)), 4));
}

TEST_P(Lending, TheSameMemoryIsLentAgainAndAgain) {
  node here{GetParam()};
  mapper mine = here.map();
  const wire::location whole = block(0, 8 * mib);
  std::size_t most = 0;
  for (int i = 0; i < 50; ++i) {
    // In pieces of other bounds each time, from what other pieces left.
    const std::uint64_t first = (2 * mib / page + static_cast<std::uint64_t>(i)) * page;
    const wire::location pieces[] = {block(0, first), block(first, 8 * mib - first)};
    for (const auto& where : pieces) {
      const auto lent = mine.lend(where);
      std::memset(lent.data(), i, lent.size());
      mine.take_back(where, lent);
    }
    ASSERT_TRUE(is_all(mine.readable(whole), i));
    if (i == 10) most = mappings();
  }
  EXPECT_LE(mappings(), most);
}

TEST_P(Lending, OfSmallBlocksIsNothingButWriting) {
  node here{GetParam()};
  mapper mine = here.map();
  for (const auto& where : {block(page, protected_bytes_min - 1), block(64, 4 * mib)}) {
    const auto lent = mine.lend(where);
    EXPECT_EQ(lent.data(), mine.writable(where).data());
    mine.take_back(where, lent);
    lent.front() = std::byte{1};
  }
}

TEST_P(Lending, NothingIsLentOfWhatIsNotThere) {
  node here{GetParam()};
  mapper mine = here.map();
  EXPECT_TRUE(mine.lend(block(63 * mib, 2 * mib)).empty());
  EXPECT_TRUE(mine.lend(block(64 * mib, 2 * mib)).empty());
  mine.take_back(block(63 * mib, 2 * mib), {});
}

// That is why it costs so little. Of several times the best, since the system may take page tables
// away at any moment.
TEST_P(Lending, PageTablesGoAlongIfTheyMove) {
  node here{GetParam()};
  mapper mine = here.map();
  const wire::location where = block(0, 32 * mib);
  std::memset(mine.writable(where).data(), 1, where.size_bytes);
  long needed = std::numeric_limits<long>::max();
  for (int i = 0; i < 5; ++i) {
    const long before = faults();
    const auto lent = mine.lend(where);
    std::memset(lent.data(), i, lent.size());
    mine.take_back(where, lent);
    std::memset(mine.writable(where).data(), i, where.size_bytes);
    needed = std::min(needed, faults() - before);
  }
  if (GetParam() || !wire::is_debug_build) {
    EXPECT_LT(needed, 100) << "of " << where.size_bytes / page << " pages";
  } else {
    EXPECT_GE(needed, 16) << "of as many large pages";
  }
}

INSTANTIATE_TEST_SUITE_P(EachWay, Lending, testing::ValuesIn(ways()), [](const auto& way) {
  return way.param ? "ByMovingPageTables" : "ByProtecting";
});

}  // namespace
}  // namespace mobula::store
