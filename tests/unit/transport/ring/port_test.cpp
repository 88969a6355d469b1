#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "transport/ring/ring_node.hpp"

namespace mobula::ring {
namespace {

using test::handlers;
using test::join;
using test::number_in;
using test::poll_until;
using test::send_number;
using wire::process_id;

constexpr process_id scheduler = process_id::scheduler_of(0);

TEST(Port, DeliversToItselfWithoutRecursion) {
  test::scheduler_side node;
  std::vector<std::uint64_t> seen;
  bool inside = false;
  node.receiver().message = [&](process_id from, wire::blob bytes) {
    EXPECT_EQ(from, scheduler);
    EXPECT_FALSE(inside);
    inside = true;
    seen.push_back(number_in(bytes));
    if (seen.size() < 5) send_number(node.port(), scheduler, seen.size());
    inside = false;
  };
  send_number(node.port(), scheduler, 0);
  EXPECT_TRUE(seen.empty());
  ASSERT_TRUE(node.run_until([&] { return seen.size() == 5; }));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
}

TEST(Port, CarriesMessagesBothWaysBetweenMembersAndTheirScheduler) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  handlers at_a;
  handlers at_b;
  std::uint64_t answers = 0;
  at_b.message = [&](process_id from, wire::blob bytes) {
    send_number(b->port(), from, number_in(bytes) + 1);
  };
  at_a.message = [&](process_id from, wire::blob bytes) {
    EXPECT_EQ(from, (process_id{0, 2}));
    EXPECT_EQ(number_in(bytes), answers + 1);
    ++answers;
  };
  for (std::uint64_t i = 0; i < 1000; ++i) send_number(a->port(), {0, 2}, i);
  a->port().flush();
  EXPECT_TRUE(poll_until(a->port(), at_a, [&] {
    b->port().poll(at_b);
    return answers == 1000;
  }));
  EXPECT_EQ(a->port().state_of({0, 2}), channel::state::ring);
  EXPECT_EQ(b->port().state_of({0, 1}), channel::state::ring);
}

TEST(Port, DropsWhatGoesToAnUnknownProcessAndSaysThatItIsClosed) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  handlers at_a;
  std::vector<process_id> closed;
  at_a.closed = [&](process_id peer) { closed.push_back(peer); };
  for (int i = 0; i < 3; ++i) send_number(a->port(), {0, 77}, 1);
  EXPECT_TRUE(poll_until(a->port(), at_a, [&] { return !closed.empty(); }));
  a->port().peer_ended({0, 77});
  a->port().poll(at_a);
  EXPECT_EQ(closed, (std::vector<process_id>{{0, 77}}));
  EXPECT_EQ(a->port().dropped(), 3U);
}

// A handler's first message to a peer must not wait for a scheduler that is busy, or stopped.
TEST(Port, GoesOnWhileTheSchedulerDoesNotAnswer) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  handlers at_a;
  handlers at_b;
  std::vector<process_id> closed;
  at_a.closed = [&](process_id peer) { closed.push_back(peer); };
  std::uint64_t seen = 0;
  at_b.message = [&](process_id, wire::blob bytes) { EXPECT_EQ(number_in(bytes), seen++); };
  node.with([&](auto&) {
    for (std::uint64_t i = 0; i < 100; ++i) send_number(a->port(), {0, 2}, i);
    send_number(a->port(), {0, 77}, 0);
    send_number(a->port(), {0, 78}, 0);
    a->port().poll(at_a);
    EXPECT_EQ(a->port().state_of({0, 2}), channel::state::asked);
    EXPECT_TRUE(a->port().has_backlog());
    const auto ticket = a->port().prepare_sleep(now_ns());
    ASSERT_TRUE(ticket);
    EXPECT_NE(ticket->deadline_ns, UINT64_MAX) << "nobody wakes it when the answer comes";
    a->port().sleep(*ticket, UINT64_MAX);
    // The answer about one that ended meanwhile is for nobody.
    a->port().peer_ended({0, 78});
  });
  for (std::uint64_t i = 100; i < 200; ++i) send_number(a->port(), {0, 2}, i);
  EXPECT_TRUE(poll_until(b->port(), at_b, [&] {
    a->port().poll(at_a);
    return seen == 200;
  }));
  EXPECT_EQ(a->port().state_of({0, 2}), channel::state::ring);
  EXPECT_THAT(closed, testing::UnorderedElementsAre(process_id{0, 77}, process_id{0, 78}));
  EXPECT_FALSE(a->port().has_backlog());
  // Those after them are asked for too.
  send_number(b->port(), {0, 79}, 0);
  send_number(b->port(), {0, 1}, 0);
  EXPECT_TRUE(test::send_out(b->port()));
}

TEST(Port, KnowsNobodyOnceItsSchedulerHasGone) {
  auto node = std::make_unique<test::scheduler_thread>();
  const auto a = join(node->name(), 1);
  const auto b = join(node->name(), 2);
  node.reset();
  handlers at;
  std::vector<process_id> closed;
  at.closed = [&](process_id peer) { closed.push_back(peer); };
  send_number(a->port(), {0, 2}, 1);
  EXPECT_TRUE(poll_until(a->port(), at, [&] { return !closed.empty(); }));
  EXPECT_EQ(closed, (std::vector<process_id>{{0, 2}}));
}

TEST(Port, KeepsTheOrderOfMessagesOfAllSizesBeyondAnyRoom) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random{seed};
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 3000; ++i) {
    const int kind = static_cast<int>(random() % 100);
    const std::size_t limit = kind < 90 ? 300 : kind < 99 ? 20'000 : 3'000'000;
    sizes.push_back(8 + random() % limit);
  }
  // Nobody reads meanwhile: what the ring can't hold waits in the sender, and it goes on.
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::byte* const room = a->port().begin({0, 2}, sizes[i]);
    std::memset(room, static_cast<int>(i % 251), sizes[i]);
    const std::uint64_t number = i;
    std::memcpy(room, &number, sizeof number);
    a->port().commit();
  }
  a->port().flush();
  EXPECT_TRUE(a->port().congested({0, 2}));
  handlers at_a;
  handlers at_b;
  std::size_t seen = 0;
  bool wrong = false;
  at_b.message = [&](process_id, wire::blob bytes) {
    wrong |= seen >= sizes.size() || bytes.size() != sizes[seen] || number_in(bytes) != seen ||
             (bytes.size() > 8 && bytes.back() != static_cast<std::byte>(seen % 251));
    ++seen;
  };
  EXPECT_TRUE(poll_until(b->port(), at_b, [&] {
    a->port().poll(at_a);
    return seen == sizes.size();
  }));
  EXPECT_FALSE(wrong);
  EXPECT_FALSE(a->port().congested({0, 2}));
}

TEST(Port, TwoWithFullRingsSendToEachOtherFromHandlers) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  constexpr std::uint64_t rounds = 300;
  const std::vector<std::byte> ballast(9000);
  struct side {
    member& own;
    process_id peer;
    handlers at{};
    std::uint64_t seen = 0;
  };
  side sides[] = {{*a, {0, 2}}, {*b, {0, 1}}};
  for (side& one : sides) {
    // Each message makes one more, until `rounds` have come: thousands are under way at once.
    one.at.message = [&](process_id from, wire::blob) {
      EXPECT_EQ(from, one.peer);
      if (++one.seen <= rounds * 100) test::send(one.own.port(), one.peer, ballast);
    };
    for (std::uint64_t i = 0; i < rounds; ++i) test::send(one.own.port(), one.peer, ballast);
    one.own.port().flush();
  }
  EXPECT_TRUE(poll_until(a->port(), sides[0].at, [&] {
    b->port().poll(sides[1].at);
    return sides[0].seen == rounds * 101 && sides[1].seen == rounds * 101;
  }));
}

TEST(Port, BeyondTheLimitsGoesThroughTheScheduler) {
  test::scheduler_thread node{{.node_bytes_max = 0}};
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  const std::vector<std::byte> large(100'000);
  handlers at_a;
  handlers at_b;
  std::vector<std::uint64_t> seen;
  at_b.message = [&](process_id from, wire::blob bytes) {
    EXPECT_EQ(from, (process_id{0, 1}));
    seen.push_back(bytes.size() == large.size() ? 1000 : number_in(bytes));
  };
  send_number(a->port(), {0, 2}, 1);
  test::send(a->port(), {0, 2}, large);
  send_number(a->port(), {0, 2}, 2);
  EXPECT_TRUE(poll_until(b->port(), at_b, [&] {
    a->port().poll(at_a);
    return seen.size() == 3;
  }));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 1000, 2}));
  EXPECT_EQ(a->port().state_of({0, 2}), channel::state::forwarded);
  EXPECT_EQ(a->port().state_of(scheduler), channel::state::ring);
}

TEST(Port, APairWithoutASlotGoesThroughTheSchedulerForGood) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  int fd = -1;
  node.with([&](auto& side) { fd = side.meeting_point().arena_of({0, 2}).found.release(); });
  const mapping front{fd, 0, regions_offset(slots_of_process)};
  ::close(fd);
  auto* const slots = reinterpret_cast<slot_block*>(front.begin() + slots_offset);
  for (std::uint32_t i = 1; i < slots_of_process; ++i) {
    slots[i].owner = process_id{0, 1000 + i}.bits();
  }
  handlers at_b;
  std::uint64_t seen = 0;
  at_b.message = [&](process_id from, wire::blob bytes) {
    EXPECT_EQ(from, (process_id{0, 1}));
    EXPECT_EQ(number_in(bytes), seen);
    ++seen;
  };
  for (std::uint64_t i = 0; i < 100; ++i) send_number(a->port(), {0, 2}, i);
  ASSERT_TRUE(test::send_out(a->port()));
  EXPECT_EQ(a->port().state_of({0, 2}), channel::state::forwarded);
  // A ring would overtake what is still with the scheduler.
  for (std::uint32_t i = 1; i < slots_of_process; ++i) slots[i].owner = 0;
  for (std::uint64_t i = 100; i < 200; ++i) send_number(a->port(), {0, 2}, i);
  a->port().flush();
  EXPECT_EQ(a->port().state_of({0, 2}), channel::state::forwarded);
  EXPECT_TRUE(poll_until(b->port(), at_b, [&] { return seen == 200; }));
}

TEST(Port, LetsNobodySpeakForOthers) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  std::uint64_t seen = 0;
  node.with([&](auto& side) {
    side.receiver().message = [&](process_id from, wire::blob) {
      EXPECT_EQ(from, (process_id{0, 1}));
      ++seen;
    };
  });
  std::memset(a->port().begin_forward({0, 9}, scheduler, 8), 0, 8);
  a->port().commit();
  std::memset(a->port().begin_forward({0, 1}, scheduler, 8), 0, 8);
  a->port().commit();
  handlers at_a;
  EXPECT_TRUE(
      poll_until(a->port(), at_a, [&] { return node.with([&](auto&) { return seen == 1; }); }));
  EXPECT_EQ(node.with([](auto& side) { return side.port().garbled(); }), 1U);
}

TEST(Port, ATooLateWordAboutAFreedSlotHidesNoOneElse) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  // The bits of all slots are set although nobody has them.
  int fd = -1;
  node.with([&](auto& side) { fd = side.meeting_point().arena_of({0, 1}).found.release(); });
  const mapping front{fd, 0, header_bytes};
  ::close(fd);
  handlers at_a;
  std::uint64_t seen = 0;
  at_a.message = [&](process_id, wire::blob) { ++seen; };
  auto& news = reinterpret_cast<arena_header*>(front.begin())->news;
  for (std::uint32_t word = 0; word < slots_of_process / 64; ++word) news[word] = ~std::uint64_t{0};
  a->port().poll(at_a);
  for (std::uint32_t word = 0; word < slots_of_process / 64; ++word) EXPECT_EQ(news[word], 0U);
  const auto b = join(node.name(), 2);
  send_number(b->port(), {0, 1}, 1);
  ASSERT_TRUE(test::send_out(b->port()));
  EXPECT_TRUE(poll_until(a->port(), at_a, [&] { return seen == 1; }));
}

TEST(Port, HandsMessagesToOtherNodesToItsSchedulersRelay) {
  struct seen_relay final : relay {
    std::vector<std::uint64_t> seen;
    void on_forward(process_id from, process_id to, wire::blob bytes) override {
      EXPECT_EQ(from, (process_id{0, 1}));
      EXPECT_EQ(to, (process_id{5, 3}));
      seen.push_back(number_in(bytes));
    }
  } relay;
  test::scheduler_thread node;
  node.with([&](auto& side) { side.port().set_relay(&relay); });
  const auto a = join(node.name(), 1);
  handlers at_a;
  std::vector<std::uint64_t> answers;
  at_a.message = [&](process_id from, wire::blob bytes) {
    EXPECT_EQ(from, (process_id{5, 3}));
    answers.push_back(number_in(bytes));
  };
  for (std::uint64_t i = 0; i < 100; ++i) send_number(a->port(), {5, 3}, i);
  EXPECT_TRUE(poll_until(
      a->port(), at_a, [&] { return node.with([&](auto&) { return relay.seen.size() == 100; }); }));
  node.with([&](auto& side) {
    const std::uint64_t number = 42;
    std::memcpy(side.port().begin_forward({5, 3}, {0, 1}, sizeof number), &number, sizeof number);
    side.port().commit();
    side.port().flush();
  });
  EXPECT_TRUE(poll_until(a->port(), at_a, [&] { return !answers.empty(); }));
  EXPECT_EQ(answers, (std::vector<std::uint64_t>{42}));
  node.with([](auto& side) { side.port().set_relay(nullptr); });
}

TEST(Port, DeliversWhatAnEndedPeerLeftAndThenClosesOnce) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  auto b = join(node.name(), 2);
  for (std::uint64_t i = 0; i < 50; ++i) send_number(b->port(), {0, 1}, i);
  ASSERT_TRUE(test::send_out(b->port()));
  b.reset();
  handlers at_a;
  std::uint64_t seen = 0;
  int closed = 0;
  at_a.message = [&](process_id, wire::blob bytes) {
    EXPECT_EQ(closed, 0);
    EXPECT_EQ(number_in(bytes), seen);
    ++seen;
  };
  at_a.closed = [&](process_id peer) {
    EXPECT_EQ(peer, (process_id{0, 2}));
    ++closed;
  };
  const std::int64_t before = a->port().node_ring_bytes();
  a->port().peer_ended({0, 2});
  a->port().peer_ended({0, 2});
  for (int i = 0; i < 3; ++i) a->port().poll(at_a);
  EXPECT_EQ(seen, 50U);
  EXPECT_EQ(closed, 1);
  EXPECT_LT(a->port().node_ring_bytes(), before);
}

TEST(Port, GivesUpIdleRingsAndMakesThemAgain) {
  test::scheduler_thread node{{.idle_ring_ns = 1000}};
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  handlers at_a;
  handlers at_b;
  std::uint64_t seen = 0;
  at_b.message = [&](process_id, wire::blob bytes) {
    EXPECT_EQ(number_in(bytes), seen);
    ++seen;
  };
  const std::int64_t without = a->port().node_ring_bytes();
  std::uint64_t time_ns = now_ns();
  for (std::uint64_t round = 0; round < 600; ++round) {
    // Enough for the ring to have grown.
    for (std::uint64_t i = 0; i < 200; ++i) send_number(a->port(), {0, 2}, round * 200 + i);
    a->port().flush();
    ASSERT_TRUE(poll_until(b->port(), at_b, [&] {
      a->port().poll(at_a);
      return seen == (round + 1) * 200;
    }));
    for (int i = 0; i < 3; ++i) {
      const auto ticket = a->port().prepare_sleep(time_ns += 10'000);
      if (ticket) a->port().sleep(*ticket, 0);
    }
    EXPECT_EQ(a->port().state_of({0, 2}), channel::state::given_up);
    b->port().poll(at_b);
    EXPECT_EQ(a->port().node_ring_bytes(), without);
  }
}

}  // namespace
}  // namespace mobula::ring
