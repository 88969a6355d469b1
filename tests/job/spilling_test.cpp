#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "job/job.hpp"
#include "launch/parent_of.hpp"

// Stores that are much too small: what finds no room goes to disk and comes back, what is read
// stays, and who can't have room hears who holds it. Run with small stores.

namespace mobula::job {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using numbers = shared_array<std::int64_t>;
using view = shared_array<const std::int64_t>;

std::uint64_t store_bytes() { return nodes().at(0).store_bytes; }
std::uint64_t spilled_bytes() {
  std::uint64_t sum = 0;
  for (const node_state& one : nodes()) sum += one.store_spilled_bytes;
  return sum;
}
/// So many that `parts` of them are a store.
std::size_t count_for(std::uint64_t parts) { return store_bytes() / parts / sizeof(std::int64_t); }

numbers filled(std::size_t count, std::int64_t with) {
  numbers made(count);
  std::iota(made.begin(), made.end(), with);
  return made;
}
bool is_filled(std::span<const std::int64_t> of, std::int64_t with) {
  for (const std::int64_t one : of)
    if (one != with++) return false;
  return true;
}
std::int64_t sum(std::span<const std::int64_t> of) {
  return std::accumulate(of.begin(), of.end(), std::int64_t{0});
}
std::int64_t sum_of(std::size_t count, std::int64_t from) {
  const auto n = static_cast<std::int64_t>(count);
  return n * from + n * (n - 1) / 2;
}
std::int64_t sum_of_both(std::span<const std::int64_t> one, std::span<const std::int64_t> other) {
  return sum(one) + sum(other);
}
std::string full_text(std::size_t count) {
  try {
    (void)put(filled(count, 0));
  } catch (const store_full& full) {
    return full.what();
  }
  return "there was room";
}

// At most so many arrays, filled from 0, 1, 2 on. @returns what the store says when it is full
std::string put_until_full(std::vector<object_ref<numbers>>& all, std::size_t count, int most) {
  for (int i = 0; i < most; ++i) {
    try {
      all.push_back(put(filled(count, i)));
    } catch (const store_full& full) {
      return full.what();
    }
  }
  return {};
}
void expect_whole(const std::vector<object_ref<numbers>>& all) {
  for (std::size_t i = 0; i < all.size(); ++i)
    ASSERT_TRUE(is_filled(got(all[i]), static_cast<std::int64_t>(i))) << i;
}

TEST(Spilling, TenTimesTheStoreSumUp) {
  const std::size_t count = count_for(10);
  std::vector<object_ref<numbers>> made;
  for (int i = 0; i < 100; ++i) made.push_back(remote<filled>(count, i));
  std::vector<object_ref<std::int64_t>> sums;
  for (const auto& one : made) sums.push_back(remote<sum>(one));
  const auto all = got(sums);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)], sum_of(count, i));
  EXPECT_GT(spilled_bytes(), 4 * store_bytes());
  made.clear();
  EXPECT_TRUE(eventually([] { return spilled_bytes() == 0; }));
  EXPECT_TRUE(all_is_free());
}

TEST(Spilling, WhatIsPutComesBackWhoeverReadsIt) {
  const std::size_t count = count_for(20);
  std::vector<object_ref<numbers>> all;
  for (int i = 0; i < 60; ++i) all.push_back(put(filled(count, i)));
  EXPECT_GT(spilled_bytes(), store_bytes());
  // Twice, the second time what came back has to go again.
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 60; ++i) {
      const view read = got(all[static_cast<std::size_t>(i)]);
      ASSERT_TRUE(is_filled(read, i)) << i;
    }
  }
  std::vector<object_ref<std::int64_t>> sums;
  for (std::size_t i = 0; i + 1 < all.size(); ++i)
    sums.push_back(remote<sum_of_both>(all[i], all[59 - i]));
  const auto found = got(sums);
  for (std::size_t i = 0; i + 1 < all.size(); ++i)
    ASSERT_EQ(found[i], sum_of(count, static_cast<std::int64_t>(i)) +
                            sum_of(count, static_cast<std::int64_t>(59 - i)));
}

// In slabs, many of them to a file's block.
TEST(Spilling, ManySmallObjectsGoAndComeBack) {
  constexpr std::size_t count = 6'000;  // 48 kB
  const std::size_t many = 3 * store_bytes() / (count * sizeof(std::int64_t));
  std::vector<object_ref<std::vector<std::int64_t>>> all;
  for (std::size_t i = 0; i < many; ++i) {
    std::vector<std::int64_t> one(count);
    std::iota(one.begin(), one.end(), static_cast<std::int64_t>(i));
    all.push_back(put(std::move(one)));
  }
  EXPECT_GT(spilled_bytes(), store_bytes());
  // More than fits together, and so one after the other.
  const auto back = got(all);
  for (std::size_t i = 0; i < many; ++i)
    ASSERT_TRUE(is_filled(back[i], static_cast<std::int64_t>(i))) << i;
}

TEST(Spilling, WhatIsReadStaysWhereItIs) {
  const std::size_t count = count_for(20);
  const auto kept = put(filled(count, 7));
  const view read = got(kept);
  const std::int64_t* const place = read.data();
  std::vector<object_ref<numbers>> others;
  for (int i = 0; i < 40; ++i) others.push_back(put(filled(count, i)));
  EXPECT_GT(spilled_bytes(), store_bytes() / 2);
  EXPECT_TRUE(is_filled(read, 7));
  EXPECT_EQ(got(kept).data(), place);
}

struct keeper {
  view kept;
  void keep(view one) { kept = std::move(one); }
  bool still(std::int64_t with) const { return is_filled(kept, with); }
};

TEST(Spilling, AnActorKeepsAViewWhileAllElseComesAndGoes) {
  const std::size_t count = count_for(20);
  const auto one = actor<keeper>();
  got(one.call<&keeper::keep>(put(filled(count, 3))));
  std::vector<object_ref<numbers>> others;
  for (int i = 0; i < 40; ++i) others.push_back(remote<filled>(count, i));
  for (int i = 0; i < 40; ++i)
    ASSERT_EQ(got(remote<sum>(others[static_cast<std::size_t>(i)])), sum_of(count, i));
  EXPECT_TRUE(got(one.call<&keeper::still>(std::int64_t{3})));
}

TEST(Spilling, WhoFindsNoRoomHearsWhoHoldsIt) {
  const std::size_t count = count_for(5);
  std::vector<view> views;
  for (int i = 0; i < 4; ++i) views.push_back(got(put(filled(count, i))));
  const std::string text = full_text(2 * count);
  EXPECT_THAT(text, HasSubstr("process 0.1 reads 4 objects"));
  EXPECT_THAT(text, HasSubstr("in place"));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(is_filled(views[static_cast<std::size_t>(i)], i));
  views.clear();
  EXPECT_EQ(full_text(2 * count), "there was room");
}

TEST(Spilling, WhatIsLargerThanTheStoreIsRefusedAtOnce) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(full_text(2 * count_for(1)), HasSubstr("it may have"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, patience);
}

// Who waits goes on when pins end.
TEST(Spilling, TasksWhoseResultsDontFitWaitAndOthersGoOn) {
  const std::size_t count = count_for(5);
  std::vector<view> views;
  for (int i = 0; i < 4; ++i) views.push_back(got(put(filled(count, i))));
  // On the driver's node or not: two of them need more than is left anywhere.
  const auto large = remote<filled>(2 * count, 5);
  const auto small = remote<same>(1);
  EXPECT_EQ(got(small), 1);
  std::thread ends{[&] {
    std::this_thread::sleep_for(200ms);
    views.clear();
  }};
  EXPECT_EQ(got(remote<sum>(large)), sum_of(2 * count, 5));
  ends.join();
}

TEST(Spilling, AWaitForRoomIsNotTheEndOfAPut) {
  const std::size_t count = count_for(5);
  std::vector<view> views;
  for (int i = 0; i < 4; ++i) views.push_back(got(put(filled(count, i))));
  std::thread ends{[&] {
    std::this_thread::sleep_for(200ms);
    views.clear();
  }};
  const auto there = put(filled(2 * count, 9));
  ends.join();
  EXPECT_TRUE(is_filled(got(there), 9));
}

TEST(Spilling, AWaitForRoomEndsAtItsLimitAndLeavesNothing) {
  const std::size_t count = count_for(5);
  {
    std::vector<view> views;
    for (int i = 0; i < 4; ++i) views.push_back(got(put(filled(count, i))));
    const std::vector<std::int64_t> large(2 * count, 3);
    EXPECT_THROW(put(large, 20ms), timed_out);
    EXPECT_THROW(numbers(2 * count, 20ms), timed_out);
    EXPECT_THROW(numbers(2 * count, -1ms), std::invalid_argument);
    EXPECT_EQ(got(put(1, 0ms)), 1) << "that takes no room";
  }
  EXPECT_TRUE(is_filled(got(put(filled(4 * count, 9))), 9)) << "what came too late is there again";
}

// With a disk that holds half a store (see CMakeLists.txt): what does not fit there either is
// refused, and nothing that was put is lost.
TEST(SmallDisk, ItsEndIsNamedAndNothingIsLost) {
  const std::size_t count = count_for(20);
  std::vector<object_ref<numbers>> all;
  const std::string text = put_until_full(all, count, 60);
  EXPECT_THAT(text, HasSubstr("MOBULA_SPILL_BYTES"));
  EXPECT_GT(all.size(), 22U);
  EXPECT_LT(all.size(), 34U);
  all.pop_back();  // room to move in
  all.pop_back();
  ASSERT_NO_FATAL_FAILURE(expect_whole(all));
  all.clear();
  EXPECT_TRUE(eventually([] { return spilled_bytes() == 0; }));
  for (int i = 0; i < 25; ++i) all.push_back(put(filled(count, i)));
}

TEST(NoDisk, WhatRefsHoldIsNamedWhenTheStoreIsFull) {
  const std::size_t count = count_for(10);
  std::vector<object_ref<numbers>> all;
  const std::string text = put_until_full(all, count, 12);
  EXPECT_THAT(text, HasSubstr("that refs hold can't go to disk: MOBULA_SPILL_BYTES is 0"));
  ASSERT_NO_FATAL_FAILURE(expect_whole(all));
}

/// What a process has open and is, or was, a file of some folder.
std::set<std::string> open_files(const std::string& process) {
  std::set<std::string> found;
  std::error_code refused;  // it may end while it is looked at
  for (const auto& file : fs::directory_iterator{fs::path{"/proc"} / process / "fd", refused}) {
    const std::string name = fs::read_symlink(file.path(), refused).string();
    const bool is_none =
        name.starts_with("/dev/") || name.starts_with("/memfd:") || name.starts_with("/proc");
    if (name.starts_with("/") && !is_none) found.insert(name);
  }
  return found;
}

std::set<std::string> open_files_of_this_job() {
  std::set<std::string> found;
  for (const auto& one : fs::directory_iterator{"/proc"}) {
    pid_t above = std::atoi(one.path().filename().c_str());
    while (above > 1 && above != ::getpid()) above = launch::parent_of(above);
    if (above == ::getpid()) found.merge(open_files(one.path().filename()));
  }
  return found;
}

// A job whose TMPDIR is a folder of its own.
TEST(TemporaryFolder, HasAllThatIsWritten) {
  const fs::path own = std::getenv("TMPDIR");
  const auto inherited = open_files(std::to_string(::getppid()));
  std::vector<object_ref<numbers>> all;
  for (int i = 0; i < 20; ++i) all.push_back(put(filled(count_for(10), i)));
  EXPECT_GT(spilled_bytes(), 0U);
  int within = 0;
  for (const std::string& name : open_files_of_this_job()) {
    if (name.starts_with(own.string() + "/")) {
      ++within;
    } else {
      EXPECT_TRUE(inherited.contains(name)) << name;
    }
  }
  EXPECT_GT(within, 0);
  EXPECT_TRUE(fs::is_empty(own));  // they have no names
}

}  // namespace
}  // namespace mobula::job
