#include "runtime/published_store.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "transport/ring/ring_node.hpp"

namespace mobula::detail {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

// So many more files can be opened while it lives.
class open_files_left {
 public:
  explicit open_files_left(int count) {
    const int next = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
    ::close(next);
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(next + count);
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  ~open_files_left() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  open_files_left(const open_files_left&) = delete;
  open_files_left& operator=(const open_files_left&) = delete;

 private:
  rlimit before_{};
};

class PublishedStore : public testing::TestWithParam<int> {
 protected:
  ring::test::scheduler_side node;
  published_store store{{0, 1, "nodeA", {64 * mib, 4 * mib}}, node.meeting_point()};
};

// With none left the extent can't be made, with one left its file can't be handed out.
TEST_P(PublishedStore, IsFullWithoutDescriptorsAndHasRoomOnceThereAreSome) {
  // Looked at afterwards: sanitizers need descriptors too.
  const auto refused = [&] {
    const open_files_left few{GetParam()};
    return store.allocate(mib);
  }();
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->code, wire::error_code::store_full);
  EXPECT_THAT(refused.error->what, testing::HasSubstr("open files"));
  const auto made = store.allocate(mib);
  ASSERT_FALSE(made.error);
  std::thread member{[&] {
    const auto one = ring::test::join(node.meeting_point().name(), 1);
    EXPECT_EQ(one->broker().named(made.where.extent).kind, ring::answer_kind::found);
    ring::test::send_number(one->port(), {0, 0}, 1);
    one->port().flush();
  }};
  bool asked = false;
  node.receiver().message = [&](auto, auto) { asked = true; };
  EXPECT_TRUE(node.run_until([&] { return asked; }));
  member.join();
}

INSTANTIATE_TEST_SUITE_P(Left, PublishedStore, testing::Values(0, 1));

}  // namespace
}  // namespace mobula::detail
