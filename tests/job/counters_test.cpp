#include <gtest/gtest.h>
#include <malloc.h>

#include <array>

#include "job/job.hpp"
#include "runtime/process.hpp"

// What a million tasks leave behind: nothing.

namespace mobula::job {
namespace {

constexpr int task_count = is_sanitized ? 50'000 : 1'000'000;

void submit_and_await() {
  std::vector<object_ref<int>> refs;
  refs.reserve(task_count);
  for (int i = 0; i < task_count; ++i) refs.push_back(remote<same>(i));
  long long sum = 0;
  for (const auto& ref : refs) sum += got(ref);
  EXPECT_EQ(sum, static_cast<long long>(task_count) * (task_count - 1) / 2);
}

struct counts {
  std::size_t objects = 0;
  std::size_t borrowed = 0;
  std::size_t tasks = 0;
  std::size_t leases = 0;
  std::size_t unanswered = 0;
  friend bool operator==(const counts&, const counts&) = default;
};

counts counted() {
  detail::process& home = detail::process::require();
  const std::lock_guard held{home.lock()};
  const core::owner& mine = home.owner();
  return {mine.objects().owned(), mine.objects().borrowed(), mine.tasks_live(), mine.leases_held(),
          mine.objects().acknowledgements_awaited()};
}

TEST(Counters, AMillionTasksLeaveNothingBehind) {
  submit_and_await();
  ASSERT_TRUE(all_is_free());
  EXPECT_TRUE(eventually([] { return counted() == counts{}; }));
  const auto before = ::mallinfo2().uordblks;
  submit_and_await();
  ASSERT_TRUE(all_is_free());
  EXPECT_TRUE(eventually([] { return counted() == counts{}; }));
  const auto after = ::mallinfo2().uordblks;
  // A tenth of a byte a task is not a leak in each.
  EXPECT_LE(after, before + task_count / 10);
}

TEST(Counters, SmallObjectsCostLittleBeyondTheirBytes) {
  constexpr std::size_t count = is_sanitized ? 100'000 : 1'000'000;
  using kibibyte = std::array<char, 1024>;
  std::vector<object_ref<kibibyte>> refs;
  refs.reserve(count);
  const auto before = ::mallinfo2();
  for (std::size_t i = 0; i < count; ++i) refs.push_back(put(kibibyte{}));
  const auto after = ::mallinfo2();
  const auto used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
  EXPECT_LE(used, count * (sizeof(kibibyte) + 256));
}

int one_of(std::vector<object_ref<int>> refs) { return get(refs.at(0)); }
std::vector<object_ref<int>> some(int count) {
  std::vector<object_ref<int>> refs;
  for (int i = 0; i < count; ++i) refs.push_back(i % 2 ? put(i) : remote<same>(i));
  return refs;
}
struct holder {
  std::vector<object_ref<int>> held;
  int keep(std::vector<object_ref<int>> refs) {
    held = std::move(refs);
    return static_cast<int>(held.size());
  }
};

TEST(Counters, BorrowedRefsLeaveNothingBehind) {
  for (int round = 0; round < 20; ++round) {
    std::vector<object_ref<int>> mine = some(20);
    auto theirs = remote<some>(20);
    std::vector<object_ref<int>> used{remote<one_of>(mine), remote<one_of>(theirs)};
    const auto keeper = actor<holder>();
    used.push_back(keeper.call<&holder::keep>(theirs));
    used.push_back(keeper.call<&holder::keep>(mine));
    got(used);
    got(got(theirs));
  }
  EXPECT_TRUE(eventually([] { return counted() == counts{}; }));
  EXPECT_TRUE(all_is_free());
}

}  // namespace
}  // namespace mobula::job
