#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "transport/ring/ring_node.hpp"

// Sleepers and those who wake them. A wake-up that is lost shows as a sleep that only its deadline
// ends although a message is there.

namespace mobula::ring {
namespace {

using test::handlers;
using test::join;
using test::number_in;
using test::poll_until;
using test::send_number;
using wire::process_id;

constexpr std::uint64_t too_long_ns = 20'000'000'000;

struct sleeper {
  ring::port& end;
  bool overslept = false;

  /// Polls, and sleeps at once whenever there is nothing, until `done`.
  template <class Done>
  void run(wire::receiver& at, Done done) {
    while (!done() && !overslept) {
      if (end.poll(at) != 0) continue;
      const auto ticket = end.prepare_sleep(now_ns());
      if (!ticket) continue;
      const std::uint64_t before = now_ns();
      end.sleep(*ticket, before + too_long_ns);
      overslept = now_ns() - before >= too_long_ns;
    }
  }
};

TEST(Sleep, LosesNoWakeUpBetweenTwoThatSleepAtOnce) {
  constexpr std::uint64_t rounds = 100'000;
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  std::thread answerer{[&] {
    handlers at;
    std::uint64_t seen = 0;
    at.message = [&](process_id from, wire::blob bytes) {
      send_number(b->port(), from, number_in(bytes));
      ++seen;
    };
    sleeper one{b->port()};
    one.run(at, [&] { return seen == rounds; });
    EXPECT_FALSE(one.overslept);
  }};
  handlers at;
  std::uint64_t seen = 0;
  at.message = [&](process_id, wire::blob bytes) {
    EXPECT_EQ(number_in(bytes), seen);
    if (++seen < rounds) send_number(a->port(), {0, 2}, seen);
  };
  send_number(a->port(), {0, 2}, 0);
  a->port().flush();
  sleeper one{a->port()};
  one.run(at, [&] { return seen == rounds; });
  EXPECT_FALSE(one.overslept);
  answerer.join();
}

TEST(Sleep, LosesNoWakeUpOfManySendersAtOddMoments) {
  constexpr std::uint64_t senders = 4;
  constexpr std::uint64_t rounds = 20'000;
  test::scheduler_thread node;
  const auto receiver = join(node.name(), 1);
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < senders; ++i) {
    threads.emplace_back([&, i, own = join(node.name(), 2 + i)] {
      handlers at;
      std::uint64_t answers = 0;
      at.message = [&](process_id, wire::blob) { ++answers; };
      sleeper one{own->port()};
      for (std::uint64_t round = 0; round < rounds && !one.overslept; ++round) {
        send_number(own->port(), {0, 1}, round);
        own->port().flush();
        // Now and then, so that the receiver meets some of us together and some alone.
        if (round % (3 + i) == 0) one.run(at, [&] { return answers == round + 1; });
      }
      one.run(at, [&] { return answers == rounds; });
      EXPECT_FALSE(one.overslept);
    });
  }
  handlers at;
  std::uint64_t seen = 0;
  at.message = [&](process_id from, wire::blob bytes) {
    ++seen;
    send_number(receiver->port(), from, number_in(bytes));
  };
  sleeper one{receiver->port()};
  one.run(at, [&] { return seen == senders * rounds; });
  EXPECT_FALSE(one.overslept);
  for (std::thread& thread : threads) thread.join();
}

TEST(Sleep, WakesASchedulerThatSleepsInPoll) {
  constexpr std::uint64_t rounds = 20'000;
  test::scheduler_thread node;
  node.with([](auto& side) {
    side.receiver().message = [&side](process_id from, wire::blob bytes) {
      send_number(side.port(), from, number_in(bytes));
    };
  });
  const auto a = join(node.name(), 1);
  handlers at;
  std::uint64_t seen = 0;
  at.message = [&](process_id, wire::blob) {
    if (++seen < rounds) send_number(a->port(), process_id::scheduler_of(0), seen);
  };
  send_number(a->port(), process_id::scheduler_of(0), 0);
  a->port().flush();
  sleeper one{a->port()};
  one.run(at, [&] { return seen == rounds; });
  EXPECT_FALSE(one.overslept);
}

TEST(Sleep, AnotherThreadMayPollWhileOneSleeps) {
  constexpr std::uint64_t rounds = 2'000;
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  std::mutex process_lock;
  std::uint64_t seen = 0;
  handlers at;
  at.message = [&](process_id from, wire::blob bytes) {
    EXPECT_EQ(number_in(bytes), seen);
    ++seen;
    send_number(a->port(), from, seen);
  };
  std::atomic<bool> overslept = false;
  std::atomic<bool> done = false;
  // The one sleeps whenever there is nothing; the other polls now and then, and then leaves.
  std::thread understudy{[&] {
    while (!done && !overslept) {
      std::optional<sleep_ticket> ticket;
      {
        const std::lock_guard lock{process_lock};
        if (a->port().poll(at) != 0) continue;
        ticket = a->port().prepare_sleep(now_ns());
      }
      if (!ticket) continue;
      const std::uint64_t before = now_ns();
      a->port().sleep(*ticket, before + too_long_ns);
      overslept = now_ns() - before >= too_long_ns;
    }
  }};
  std::thread other{[&] {
    while (!done) {
      const std::lock_guard lock{process_lock};
      for (int i = 0; i < 50; ++i) a->port().poll(at);
      while (!a->port().rest()) a->port().poll(at);
    }
  }};
  handlers at_b;
  std::uint64_t answers = 0;
  at_b.message = [&](process_id, wire::blob) {
    if (++answers < rounds) send_number(b->port(), {0, 1}, answers);
  };
  send_number(b->port(), {0, 1}, 0);
  EXPECT_TRUE(poll_until(b->port(), at_b, [&] { return answers == rounds; }));
  done = true;
  a->port().interrupt();
  understudy.join();
  other.join();
  EXPECT_FALSE(overslept);
}

TEST(Sleep, WhatWaitsForRoomGoesOnWithoutAMessage) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  const auto b = join(node.name(), 2);
  const std::vector<std::byte> large(20'000'000);
  test::send(a->port(), {0, 2}, large);
  a->port().flush();
  std::atomic<bool> arrived = false;
  std::thread reader{[&] {
    handlers at;
    at.message = [&](process_id, wire::blob bytes) { arrived = bytes.size() == large.size(); };
    EXPECT_TRUE(poll_until(b->port(), at, [&] { return arrived.load(); }));
    send_number(b->port(), {0, 1}, 1);
    EXPECT_TRUE(test::send_out(b->port()));
  }};
  handlers at;
  bool answered = false;
  at.message = [&](process_id, wire::blob) { answered = true; };
  sleeper one{a->port()};
  one.run(at, [&] { return answered; });
  EXPECT_FALSE(one.overslept);
  reader.join();
}

TEST(Sleep, AnIdleProcessWithoutRingsToPeersIsNeverWoken) {
  test::scheduler_thread node;
  const auto a = join(node.name(), 1);
  handlers at;
  while (a->port().poll(at) != 0) {
  }
  const auto ticket = a->port().prepare_sleep(now_ns());
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->deadline_ns, UINT64_MAX);
  a->port().interrupt();
  a->port().sleep(*ticket, now_ns() + too_long_ns);
}

}  // namespace
}  // namespace mobula::ring
