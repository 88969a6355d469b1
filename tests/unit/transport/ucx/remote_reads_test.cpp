#include "transport/ucx/remote_reads.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "seed.hpp"
#include "transport/ucx/nodes.hpp"
#include "transport/ucx/registrations.hpp"

namespace mobula::ucx {
namespace {

constexpr std::size_t memory_bytes = std::size_t{4} << 20;
constexpr std::uint64_t unlimited = ~std::uint64_t{0};

/// What a node shows to others.
struct shown_memory {
  explicit shown_memory(links& network, std::uint64_t seed)
      : bytes(memory_bytes), registered{network.context(), unlimited} {
    std::minstd_rand random{static_cast<unsigned>(seed)};
    for (std::byte& one : bytes) one = static_cast<std::byte>(random());
    registered.use(0, bytes);
    const auto view = registered.key_for(0, 0);
    key.assign(view.bytes.begin(), view.bytes.end());
    number = view.number;
  }
  std::uint64_t address() const { return reinterpret_cast<std::uintptr_t>(bytes.data()); }

  std::vector<std::byte> bytes;
  registrations registered;
  std::vector<std::byte> key;
  std::uint64_t number = 0;
};

/// Node 0 reads, node 1 shows. They have talked: a pin was asked for, and granted.
struct reading_pair {
  reading_pair() {
    send_number(*pair.at[0], 0, 1, 1);
    send_number(*pair.at[1], 1, 0, 1);
    EXPECT_TRUE(
        pair.poll_until([&] { return pair.seen[0].count == 1 && pair.seen[1].count == 1; }));
  }
  void start(std::uint64_t token, std::size_t offset, std::size_t size) {
    reads.start({token, offset, 0}, 1, there.address() + offset, there.number, there.key,
                std::span{here}.subspan(offset, size), local);
  }
  void take() {
    for (const auto& one : reads.take_ended()) ended.push_back(one);
  }
  bool poll_until_ended(std::size_t count) {
    return pair.poll_until([&] {
      reads.flush();
      take();
      return ended.size() >= count;
    });
  }

  nodes pair{2};
  shown_memory there{*pair.at[1], 7};
  std::vector<std::byte> here = std::vector<std::byte>(memory_bytes);
  registrations own{pair.at[0]->context(), unlimited};
  ucp_mem_h local = *own.use(0, here);
  remote_reads reads{*pair.at[0]};
  std::vector<remote_reads::ended_read> ended;
};

TEST(RemoteReads, BringWhatIsThere) {
  reading_pair two;
  std::mt19937_64 random{test_seed()};
  std::size_t count = 0;
  for (std::size_t offset = 0; offset < memory_bytes; ++count) {
    const std::size_t size =
        std::min<std::size_t>(memory_bytes - offset, 1 + random() % (random() % 2 ? 500 : 700'000));
    two.start(count, offset, size);
    offset += size;
  }
  ASSERT_TRUE(two.poll_until_ended(count));
  EXPECT_EQ(two.ended.size(), count);
  EXPECT_TRUE(std::ranges::all_of(two.ended, &remote_reads::ended_read::succeeded));
  EXPECT_EQ(two.here, two.there.bytes);
  EXPECT_EQ(two.reads.keys(), 1U);
  EXPECT_EQ(two.reads.in_flight(), 0U);
  two.reads.forget_key(1, two.there.number);
  EXPECT_EQ(two.reads.keys(), 0U);
}

TEST(RemoteReads, GoOnBesideMessages) {
  reading_pair two;
  const std::vector<std::byte> message(200'000);
  for (std::uint64_t i = 0; i < 16; ++i) {
    two.start(i, i * (memory_bytes / 16), memory_bytes / 16);
    send_bytes(*two.pair.at[1], 1, 0, message);
    send_number(*two.pair.at[0], 0, 1, i);
  }
  ASSERT_TRUE(two.poll_until_ended(16));
  ASSERT_TRUE(two.pair.poll_until(
      [&] { return two.pair.seen[0].count == 17 && two.pair.seen[1].count == 17; }));
  EXPECT_EQ(two.here, two.there.bytes);
}

// It has nothing to receive but the read.
TEST(RemoteReads, WakeAnOwnerThatSleeps) {
  reading_pair two;
  std::atomic<bool> over = false;
  std::thread owner{[&] {
    links& mine = *two.pair.at[1];
    recorder seen;
    while (!over) {
      mine.poll(seen);
      if (!mine.arm()) continue;
      pollfd waited{mine.event_fd(), POLLIN, 0};
      ::poll(&waited, 1, 20'000);
    }
  }};
  links& mine = *two.pair.at[0];
  recorder seen;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(15);
  for (std::uint64_t i = 0; i < 50; ++i) {
    two.start(i, i * 80'000, 80'000);
    two.reads.flush();
    while (two.ended.size() <= i && std::chrono::steady_clock::now() < deadline) {
      mine.poll(seen);
      two.take();
      if (two.ended.size() > i || !mine.arm()) continue;
      pollfd waited{mine.event_fd(), POLLIN, 0};
      ::poll(&waited, 1, 1000);
    }
  }
  over = true;
  send_number(mine, 0, 1, 1);
  mine.flush();
  owner.join();
  EXPECT_EQ(two.ended.size(), 50U);
  EXPECT_TRUE(
      std::equal(two.here.begin(), two.here.begin() + 50 * 80'000, two.there.bytes.begin()));
}

TEST(RemoteReads, EndWithTheirLink) {
  for (int round = 0; round < 20; ++round) {
    reading_pair two;
    for (std::uint64_t i = 0; i < 8; ++i) two.start(i, i << 19, 1 << 19);
    two.reads.flush();
    for (int polls = 0; polls < round * 3; ++polls) two.pair.poll();
    two.pair.at[0]->cut(1);
    ASSERT_TRUE(two.poll_until_ended(8));
    EXPECT_EQ(two.reads.in_flight(), 0U);
    // Nothing is written any more.
    for (const auto& one : two.ended) {
      const auto from = two.here.begin() + static_cast<std::ptrdiff_t>(one.which.offset);
      if (one.succeeded) {
        EXPECT_TRUE(
            std::equal(from, from + (1 << 19),
                       two.there.bytes.begin() + static_cast<std::ptrdiff_t>(one.which.offset)));
      }
      std::fill(from, from + (1 << 19), std::byte{0xdb});
    }
    for (int polls = 0; polls < 1000; ++polls) two.pair.poll();
    EXPECT_EQ(std::count(two.here.begin(), two.here.end(), std::byte{0xdb}), memory_bytes);
    two.start(99, 0, 100);
    ASSERT_TRUE(two.poll_until_ended(9));
    EXPECT_FALSE(two.ended.back().succeeded);
  }
}

TEST(RemoteReads, EndBeforeTheyAreDestroyed) {
  reading_pair two;
  for (std::uint64_t i = 0; i < 8; ++i) two.start(i, i << 19, 1 << 19);
  two.reads.flush();
  two.pair.at[0]->poll(two.pair.seen[0]);
  EXPECT_NE(two.reads.in_flight(), 0U);
}

TEST(RemoteReads, HoldBackAnAgreedEnd) {
  reading_pair two;
  for (std::uint64_t i = 0; i < 8; ++i) two.start(i, i << 19, 1 << 19);
  two.reads.flush();
  for (auto& one : two.pair.at) one->say_goodbye();
  ASSERT_TRUE(two.poll_until_ended(8));
  EXPECT_TRUE(std::ranges::all_of(two.ended, &remote_reads::ended_read::succeeded));
  EXPECT_TRUE(two.pair.poll_until(
      [&] { return two.pair.at[0]->all_closed() && two.pair.at[1]->all_closed(); }));
  EXPECT_EQ(two.here, two.there.bytes);
}

TEST(RemoteReads, WithoutAKeyEndAtOnce) {
  reading_pair two;
  two.reads.start({1, 0, 0}, 1, two.there.address(), 3, {}, std::span{two.here}.first(100),
                  two.local);
  two.reads.start({2, 0, 0}, 5, two.there.address(), 3, two.there.key,
                  std::span{two.here}.first(100), two.local);
  two.reads.flush();
  two.take();
  ASSERT_EQ(two.ended.size(), 2U);
  EXPECT_FALSE(two.ended[0].succeeded || two.ended[1].succeeded);
}

}  // namespace
}  // namespace mobula::ucx
