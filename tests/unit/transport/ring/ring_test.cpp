#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "transport/ring/consumer.hpp"
#include "transport/ring/producer.hpp"

// One ring, both ends, on plain memory: the algorithm alone. The thread sanitizer sees both ends
// at the same addresses here, and so judges the order of their accesses.

namespace mobula::ring {
namespace {

struct ring_memory {
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(region_bytes / 8);
  slot_block slot{};
  std::byte* region() { return reinterpret_cast<std::byte*>(words.data()); }
};

struct numbers {
  std::uint64_t expected = 0;
  unsigned segments_left = 0;
  bool wrong = false;
  void on_record(record_header, wire::blob bytes) {
    if (bytes.size() < sizeof(std::uint64_t)) {
      wrong = true;
      return;
    }
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      std::uint64_t number = 0;
      std::memcpy(&number, bytes.data() + at, sizeof number);
      wrong |= number != expected;
    }
    ++expected;
  }
  void on_segment_left(unsigned) { ++segments_left; }
};

bool put(producer& end, std::uint64_t number, std::size_t words) {
  std::byte* const room = end.reserve(words * 8);
  if (room == nullptr) return false;
  for (std::size_t i = 0; i < words; ++i) std::memcpy(room + i * 8, &number, sizeof number);
  end.commit(record_kind::message, false);
  return true;
}

TEST(Ring, ShowsNothingBeforeItIsPublished) {
  ring_memory memory;
  producer in{memory.region(), memory.slot};
  consumer out{memory.region(), memory.slot};
  numbers seen;
  std::size_t read = 0;
  ASSERT_TRUE(put(in, 0, 1));
  ASSERT_TRUE(put(in, 1, 3));
  EXPECT_FALSE(out.has_news());
  EXPECT_TRUE(in.publish());
  EXPECT_FALSE(in.publish());
  EXPECT_EQ(out.drain(seen, 100, read), drain_end::empty);
  EXPECT_EQ(read, 2U);
  EXPECT_FALSE(seen.wrong);
  EXPECT_TRUE(in.drained());
}

TEST(Ring, WrapsAroundForEverWithRecordsOfAllSizes) {
  ring_memory memory;
  producer in{memory.region(), memory.slot};
  consumer out{memory.region(), memory.slot};
  const unsigned seed = std::random_device{}();
  std::mt19937 random{seed};
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  numbers seen;
  std::uint64_t sent = 0;
  std::size_t read = 0;
  for (int turn = 0; turn < 200'000; ++turn) {
    const std::size_t words = 1 + random() % (in.record_bytes_max() / 8);
    while (!put(in, sent, words)) {
      in.publish();
      ASSERT_NE(out.drain(seen, 1 + random() % 5, read), drain_end::broken);
    }
    ++sent;
    if (random() % 4 == 0) in.publish();
  }
  in.publish();
  EXPECT_EQ(out.drain(seen, SIZE_MAX, read), drain_end::empty);
  EXPECT_EQ(seen.expected, sent);
  EXPECT_FALSE(seen.wrong);
}

TEST(Ring, GrowsThroughAllSegmentsInTheMiddleOfABatch) {
  ring_memory memory;
  producer in{memory.region(), memory.slot};
  consumer out{memory.region(), memory.slot};
  std::uint64_t sent = 0;
  while (in.can_grow()) {
    while (put(in, sent, 5)) ++sent;
    in.grow();
  }
  while (put(in, sent, 5)) ++sent;
  EXPECT_FALSE(out.has_news());
  in.publish();
  numbers seen;
  std::size_t read = 0;
  EXPECT_EQ(out.drain(seen, SIZE_MAX, read), drain_end::empty);
  EXPECT_EQ(read, sent);
  EXPECT_FALSE(seen.wrong);
  EXPECT_EQ(seen.segments_left, segment_count - 1);
  EXPECT_EQ(in.capacity(), segment_bytes_max);
}

TEST(Ring, SaysWhenItsProducerLeft) {
  ring_memory memory;
  producer in{memory.region(), memory.slot};
  consumer out{memory.region(), memory.slot};
  while (put(in, 0, 1)) {
  }
  in.give_up();
  in.publish();
  numbers seen;
  std::size_t read = 0;
  EXPECT_EQ(out.drain(seen, SIZE_MAX, read), drain_end::gave_up);
}

TEST(Ring, ReadsNoGarbage) {
  const std::uint64_t unknown_kind = record_header{static_cast<record_kind>(99), false, 8}.word();
  const std::uint64_t too_long =
      record_header{record_kind::message, false, segment_bytes_min}.word();
  const std::uint64_t no_kind = 7;
  for (const std::uint64_t garbage : {unknown_kind, too_long, no_kind}) {
    ring_memory memory;
    memory.words[0] = garbage;
    consumer out{memory.region(), memory.slot};
    numbers seen;
    std::size_t read = 0;
    EXPECT_EQ(out.drain(seen, SIZE_MAX, read), drain_end::broken);
    EXPECT_EQ(read, 0U);
  }
}

TEST(Ring, CarriesAMillionRecordsBetweenTwoThreads) {
  constexpr std::uint64_t count = 1'000'000;
  ring_memory memory;
  std::thread sender{[&] {
    producer in{memory.region(), memory.slot};
    for (std::uint64_t sent = 0; sent < count;) {
      if (put(in, sent, 1 + sent % 40)) {
        ++sent;
        if (sent % 7 == 0) in.publish();
      } else {
        in.publish();
        if (in.can_grow() && sent > count / 2) in.grow();
        std::this_thread::yield();
      }
    }
    in.publish();
  }};
  consumer out{memory.region(), memory.slot};
  numbers seen;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (seen.expected < count && !seen.wrong && std::chrono::steady_clock::now() < deadline) {
    std::size_t read = 0;
    if (out.drain(seen, 1000, read) == drain_end::broken) break;
    if (read == 0) std::this_thread::yield();
  }
  EXPECT_EQ(seen.expected, count);
  sender.join();
}

}  // namespace
}  // namespace mobula::ring
