#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "transport/ring/ring_node.hpp"

namespace mobula::ring {
namespace {

using wire::process_id;

std::string refusal_of(const std::string& name, std::uint64_t token, process_id self) {
  std::string refused;
  EXPECT_EQ(member::join(name, token, self, refused), nullptr);
  return refused;
}

TEST(Broker, RefusesWhoHasNotTheJobsToken) {
  test::scheduler_thread node;
  EXPECT_NE(refusal_of(node.name(), 1, {0, 5}).find("another job"), std::string::npos);
  EXPECT_EQ(node.with([](auto& side) { return side.meeting_point().refused(); }), 1U);
}

TEST(Broker, RefusesASecondProcessOfOneIdAndOnesOfOtherNodes) {
  test::scheduler_thread node;
  const auto first = test::join(node.name(), 5);
  EXPECT_NE(refusal_of(node.name(), test::job_token, {0, 5}).find("joined already"),
            std::string::npos);
  EXPECT_NE(refusal_of(node.name(), test::job_token, {1, 6}).find("another node"),
            std::string::npos);
  EXPECT_NE(refusal_of(node.name(), test::job_token, {0, 0}).find("another node"),
            std::string::npos);
}

TEST(Broker, SaysThatNobodyListens) {
  EXPECT_NE(refusal_of("mobula-nobody", 1, {0, 5}).find("can't reach"), std::string::npos);
}

TEST(Broker, HandsOutPublishedDescriptorsByNumber) {
  test::scheduler_thread node;
  const auto a = test::join(node.name(), 1);
  EXPECT_EQ(a->broker().named(7).kind, answer_kind::unknown);
  const descriptor made{::memfd_create("extent", MFD_CLOEXEC)};
  ASSERT_EQ(::write(made.number(), "extent", 6), 6);
  EXPECT_TRUE(
      node.with([&](auto& side) { return side.meeting_point().publish(7, made.number()); }));
  const descriptor_answer got = a->broker().named(7);
  ASSERT_EQ(got.kind, answer_kind::found);
  char text[7] = {};
  EXPECT_EQ(::pread(got.found.number(), text, 6, 0), 6);
  EXPECT_STREQ(text, "extent");
  node.with([&](auto& side) { side.meeting_point().withdraw(7); });
  EXPECT_EQ(a->broker().named(7).kind, answer_kind::unknown);
}

TEST(Broker, SaysThatItCouldNotKeepADescriptor) {
  test::scheduler_thread node;
  EXPECT_FALSE(node.with([](auto& side) { return side.meeting_point().publish(7, -1); }));
  const auto a = test::join(node.name(), 1);
  EXPECT_EQ(a->broker().named(7).kind, answer_kind::unknown);
}

TEST(Broker, AsksTheQuestionWhenAConnectionCloses) {
  test::scheduler_side node;
  std::vector<process_id> left;
  node.when_disconnected([&](process_id process) { left.push_back(process); });
  std::thread comes_and_goes{[&] { test::join(node.meeting_point().name(), 9); }};
  EXPECT_TRUE(node.run_until([&] { return !left.empty(); }));
  comes_and_goes.join();
  EXPECT_EQ(left, (std::vector<process_id>{{0, 9}}));
  // Only asks: until the end is certain, its arena is there for those who still send.
  EXPECT_TRUE(node.meeting_point().joined({0, 9}));
  EXPECT_EQ(node.meeting_point().arena_of({0, 9}).kind, answer_kind::found);
  node.meeting_point().forget({0, 9});
  EXPECT_EQ(node.meeting_point().arena_of({0, 9}).kind, answer_kind::unknown);
}

TEST(Broker, ShowsThePageOfAProcessThatIsGone) {
  test::scheduler_thread node;
  auto a = test::join(node.name(), 1);
  std::memcpy(a->port().board().data(), "begun", 6);
  a.reset();
  std::array<std::byte, board_bytes> page{};
  EXPECT_TRUE(node.with([&](auto& side) { return side.meeting_point().read_board({0, 1}, page); }));
  EXPECT_STREQ(reinterpret_cast<const char*>(page.data()), "begun");
}

TEST(Broker, TakesTheBytesOfAForgottenProcessOffTheNodesCount) {
  test::scheduler_thread node;
  const auto a = test::join(node.name(), 1);
  auto b = test::join(node.name(), 2);
  test::handlers at;
  const std::int64_t before = a->port().node_ring_bytes();
  test::send_number(a->port(), {0, 2}, 1);
  ASSERT_TRUE(test::send_out(a->port()));
  EXPECT_EQ(a->port().node_ring_bytes(), before + static_cast<std::int64_t>(segment_bytes_min));
  b.reset();
  node.with([](auto& side) {
    side.meeting_point().forget({0, 2});
    side.port().peer_ended({0, 2});
  });
  EXPECT_TRUE(test::poll_until(a->port(), at, [&] {
    // Its ring to the scheduler, and what a sent to it.
    return a->port().node_ring_bytes() == static_cast<std::int64_t>(segment_bytes_min);
  }));
  // a does not know yet: it fills the lost ring, then more, and is not hurt.
  for (std::uint64_t i = 0; i < 100'000; ++i) test::send_number(a->port(), {0, 2}, i);
  a->port().peer_ended({0, 2});
  EXPECT_EQ(a->port().poll(at), 1U);
  EXPECT_EQ(a->port().node_ring_bytes(), static_cast<std::int64_t>(segment_bytes_min));
}

}  // namespace
}  // namespace mobula::ring
