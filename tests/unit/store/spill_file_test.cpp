#include "store/spill_file.hpp"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "seed.hpp"
#include "temporary_folder.hpp"

namespace mobula::store {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr auto patience = 60s;

using bytes = std::vector<std::byte>;

bytes pattern(std::uint64_t seed, std::size_t size) {
  std::mt19937_64 random{seed};
  bytes made(size);
  for (std::size_t at = 0; at < size; at += 8) {
    const std::uint64_t word = random();
    std::memcpy(made.data() + at, &word, std::min<std::size_t>(8, size - at));
  }
  return made;
}

class SpillFile : public testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<spill_file> open(std::uint64_t quota, std::uint64_t block = 64 * kib) {
    std::string refusal;
    auto made = spill_file::open({folder_.path(), quota, block, GetParam()}, refusal);
    EXPECT_TRUE(made) << refusal;
    EXPECT_TRUE(folder_.is_empty());
    return made;
  }
  // By token: what failed, or "".
  static std::map<std::uint64_t, std::string> wait_for_all(spill_file& tested) {
    std::map<std::uint64_t, std::string> all;
    const auto until = std::chrono::steady_clock::now() + patience;
    while (tested.under_way() != 0) {
      pollfd readable{tested.event(), POLLIN, 0};
      ::poll(&readable, 1, 1000);
      for (const auto& one : tested.take_completions())
        EXPECT_TRUE(all.emplace(one.token, one.failure.value_or("")).second) << one.token;
      if (std::chrono::steady_clock::now() > until) {
        ADD_FAILURE() << tested.under_way() << " jobs never ended";
        break;
      }
    }
    return all;
  }
  static std::uint64_t disk_bytes(const spill_file& tested) {
    struct stat status {};
    ::fstat(tested.file(), &status);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
  }

  temporary_folder folder_;
};

INSTANTIATE_TEST_SUITE_P(Ways, SpillFile, testing::Values(false, true), [](const auto& way) {
  return way.param ? "MadeUnderAName" : "BornUnnamed";
});

TEST_P(SpillFile, GivesBackWhatWasWritten) {
  const auto tested = open(64 * mib);
  // Small ones that leave together, and one of many blocks.
  std::vector<std::pair<spill_range, bytes>> all;
  for (const std::size_t size : {1UL, 100UL, 4096UL, 70'000UL, 3'000'001UL, 64UL, 1'000UL}) {
    all.emplace_back(*tested->take(size), pattern(size, size));
    tested->write(size, all.back().first, all.back().second);
  }
  for (const auto& [token, failure] : wait_for_all(*tested)) EXPECT_EQ(failure, "") << token;
  for (const auto& [where, expected] : all) {
    bytes got(expected.size());
    EXPECT_EQ(tested->read_now(where, 0, got), std::nullopt);
    EXPECT_EQ(got, expected);
    got.assign(got.size(), std::byte{0});
    tested->read(1, where, got);
    EXPECT_EQ(wait_for_all(*tested).at(1), "");
    EXPECT_EQ(got, expected);
  }
  bytes middle(1000);
  EXPECT_EQ(tested->read_now(all[4].first, 2'000'000, middle), std::nullopt);
  EXPECT_EQ(std::memcmp(middle.data(), all[4].second.data() + 2'000'000, 1000), 0);
  EXPECT_TRUE(folder_.is_empty());
}

// Whatever comes in whatever order, nobody's bytes are another's, in a file that is nearly full.
TEST_P(SpillFile, KeepsEveryObjectInRandomPrograms) {
  std::mt19937_64 random{test_seed()};
  const auto tested = open(16 * mib);
  struct object {
    spill_range where;
    bytes value;
  };
  std::map<std::uint64_t, object> live;
  std::uint64_t next = 1;
  for (int turn = 0; turn < 60; ++turn) {
    for (int i = 0; i < 30; ++i) {
      const std::size_t size = 1 + random() % (std::size_t{100} << random() % 14);
      const auto where = tested->take(size);
      if (!where) break;
      for (const auto& [token, other] : live) {
        ASSERT_TRUE(where->offset + size <= other.where.offset ||
                    other.where.offset + other.where.size_bytes <= where->offset);
      }
      const auto token = next++;
      object& made = live[token] = {*where, pattern(token, size)};
      tested->write(token, made.where, made.value);
    }
    // Reads among the writes.
    std::map<std::uint64_t, bytes> read;
    for (auto& [token, failure] : wait_for_all(*tested)) ASSERT_EQ(failure, "") << token;
    for (int i = 0; i < 10 && !live.empty(); ++i) {
      const auto& [token, one] =
          *std::next(live.begin(), static_cast<long>(random() % live.size()));
      if (read.contains(token)) continue;
      bytes& into = read[token];
      into.resize(one.value.size());
      tested->read(token, one.where, into);
    }
    for (auto& [token, failure] : wait_for_all(*tested)) ASSERT_EQ(failure, "") << token;
    for (const auto& [token, got] : read) ASSERT_EQ(got, live.at(token).value);
    for (std::size_t i = live.size() / (turn % 10 == 9 ? 1 : 3); i > 0; --i) {
      const auto gone = std::next(live.begin(), static_cast<long>(random() % live.size()));
      ASSERT_TRUE(tested->give_back(gone->second.where));
      ASSERT_FALSE(tested->give_back(gone->second.where));
      live.erase(gone);
    }
  }
  EXPECT_LE(disk_bytes(*tested), 17 * mib);
}

TEST_P(SpillFile, KeepsToItsQuotaAndSaysSo) {
  const auto tested = open(8 * mib);
  std::vector<spill_range> all;
  while (const auto one = tested->take(mib)) all.push_back(*one);
  EXPECT_EQ(all.size(), 8U);
  EXPECT_EQ(tested->full(),
            "of the 8.0 MiB that objects may have on disk in " + folder_.path().string() +
                ", 8.0 MiB are in use; let go of refs that are no longer needed, or give them more "
                "with MOBULA_SPILL_BYTES");
  // A large one finds room between small ones: the quota is disk, not length of the file.
  for (std::size_t i = 0; i < all.size(); i += 2) tested->give_back(all[i]);
  EXPECT_TRUE(tested->take(4 * mib));
  EXPECT_FALSE(tested->take(mib));
}

TEST_P(SpillFile, GivesTheDiskBackWhereMuchIsFree) {
  const auto tested = open(32 * mib);
  std::vector<std::pair<spill_range, bytes>> all;
  for (std::uint64_t i = 0; i < 16; ++i) {
    all.emplace_back(*tested->take(2 * mib), pattern(i, 2 * mib));
    tested->write(i, all.back().first, all.back().second);
  }
  wait_for_all(*tested);
  EXPECT_GE(disk_bytes(*tested), 32 * mib);
  for (std::size_t i = 1; i < all.size(); ++i) tested->give_back(all[i].first);
  // Holes are made in their turn: what is written behind them tells that they are there.
  tested->write(99, *tested->take(100), std::span{all[0].second}.first(100));
  wait_for_all(*tested);
  EXPECT_LE(disk_bytes(*tested), 16 * mib);
  bytes got(2 * mib);
  EXPECT_EQ(tested->read_now(all[0].first, 0, got), std::nullopt);
  EXPECT_EQ(got, all[0].second);
}

TEST_P(SpillFile, ALimitOfFileSizesIsAnErrorOfTheWriteAndWhatWasWrittenStays) {
  const auto tested = open(64 * mib);
  const bytes value = pattern(1, 2 * mib);
  const auto first = *tested->take(value.size());
  tested->write(1, first, value);
  EXPECT_EQ(wait_for_all(*tested).at(1), "");
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = first.offset + 3 * mib;
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto second = *tested->take(value.size());
  const auto third = *tested->take(value.size());
  tested->write(2, second, value);
  tested->write(3, third, value);
  const auto failures = wait_for_all(*tested);
  ::setrlimit(RLIMIT_FSIZE, &before);
  for (const std::uint64_t token : {2, 3}) {
    EXPECT_THAT(failures.at(token), HasSubstr("File too large"));
    EXPECT_THAT(failures.at(token), HasSubstr(folder_.path()));
  }
  bytes got(value.size());
  EXPECT_EQ(tested->read_now(first, 0, got), std::nullopt);
  EXPECT_EQ(got, value);
  // And it goes on when there is room again.
  tested->write(4, second, value);
  EXPECT_EQ(wait_for_all(*tested).at(4), "");
  EXPECT_EQ(tested->read_now(second, 0, got), std::nullopt);
  EXPECT_EQ(got, value);
}

TEST_P(SpillFile, WhatWasNeverWrittenIsAnErrorToRead) {
  const auto tested = open(64 * mib);
  const auto where = *tested->take(mib);
  bytes got(mib);
  EXPECT_THAT(tested->read_now(where, 0, got).value_or(""), HasSubstr("can't read"));
  tested->read(5, where, got);
  EXPECT_THAT(wait_for_all(*tested).at(5), HasSubstr(folder_.path()));
}

TEST_P(SpillFile, EndsWithJobsInLine) {
  const bytes value = pattern(1, 16 * mib);
  for (int i = 0; i < 10; ++i) {
    const auto tested = open(64 * mib);
    for (std::uint64_t job = 0; job < 4; ++job)
      tested->write(job, *tested->take(value.size()), value);
  }
  EXPECT_TRUE(folder_.is_empty());
}

TEST_P(SpillFile, NothingIsLeftOfAProcessThatIsKilled) {
  std::mt19937_64 random{test_seed()};
  for (int i = 0; i < 20; ++i) {
    int begun[2];
    ASSERT_EQ(::pipe(begun), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      std::string refusal;
      const auto tested =
          spill_file::open({folder_.path(), 256 * mib, 64 * kib, GetParam()}, refusal);
      const bytes value(mib);
      static_cast<void>(::write(begun[1], "x", 1));
      for (std::uint64_t job = 0;; ++job) {
        const auto where = tested->take(value.size());
        if (!where) ::_exit(1);
        tested->write(job, *where, value);
        wait_for_all(*tested);
        tested->give_back(*where);
      }
    }
    char byte = 0;
    EXPECT_EQ(::read(begun[0], &byte, 1), 1);
    ::usleep(static_cast<useconds_t>(random() % 5000));
    ::kill(child, SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status));
    ::close(begun[0]);
    ::close(begun[1]);
    EXPECT_TRUE(folder_.is_empty());
  }
}

TEST(SpillFileOpen, IsRefusedInWordsWhereNothingCanBeWritten) {
  std::string refusal;
  EXPECT_FALSE(spill_file::open({"/proc/self", mib, 64 * kib, false}, refusal));
  EXPECT_THAT(refusal, HasSubstr("/proc/self"));
  EXPECT_THAT(refusal, HasSubstr("MOBULA_SPILL_DIR"));
}

TEST(SpillRanges, CountHolesThatTheDiskDoesNotTakeBack) {
  spill_ranges tested{8 * mib, false};
  std::vector<spill_range> all;
  while (const auto one = tested.take(mib)) all.push_back(*one);
  EXPECT_EQ(all.size(), 8U);
  for (const spill_range& one : all) tested.give_back(one);
  EXPECT_TRUE(tested.take_holes().empty());
  EXPECT_FALSE(tested.take(8 * mib));
  std::uint64_t end = 0;
  for (int i = 0; i < 8; ++i) {
    const auto again = tested.take(mib);
    ASSERT_TRUE(again);
    end = std::max(end, again->offset + mib);
  }
  EXPECT_LE(end, 8 * mib);
}

}  // namespace
}  // namespace mobula::store
