#include "store/pin_page.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

namespace mobula::store {
namespace {

wire::location block(std::uint32_t extent, std::uint64_t offset) {
  return {0, 0, 0, extent, 1, offset, 100};
}

class PinPage : public testing::Test {
 protected:
  pinned_blocks pinned() const {
    pinned_blocks all;
    all.add(page);
    return all;
  }
  alignas(64) std::array<std::byte, 64> page{};
  pin_page tested{page};
};

TEST_F(PinPage, ShowsWhatIsPinned) {
  EXPECT_EQ(pinned().size(), 0U);
  const auto first = tested.pin(block(0, 0));
  const auto second = tested.pin(block(3, 640));
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(pinned().contains(block(0, 0)));
  EXPECT_TRUE(pinned().contains(block(3, 640)));
  EXPECT_FALSE(pinned().contains(block(3, 704)));
  EXPECT_FALSE(pinned().contains(block(0, 640)));
  tested.unpin(*first);
  EXPECT_FALSE(pinned().contains(block(0, 0)));
  EXPECT_TRUE(pinned().contains(block(3, 640)));
  EXPECT_EQ(tested.pins(), 1U);
}

TEST_F(PinPage, KeepsABlockUntilItsLastPinGoes) {
  const auto first = tested.pin(block(1, 64));
  const auto second = tested.pin(block(1, 64));
  tested.unpin(*first);
  EXPECT_TRUE(pinned().contains(block(1, 64)));
  tested.unpin(*second);
  EXPECT_EQ(pinned().size(), 0U);
}

TEST_F(PinPage, HasAnEndAndUsesItsPlacesAgain) {
  std::vector<std::uint32_t> pins;
  while (const auto one = tested.pin(block(0, 64 * pins.size()))) pins.push_back(*one);
  EXPECT_EQ(pins.size(), 7U);
  tested.unpin(pins[3]);
  EXPECT_TRUE(tested.pin(block(9, 0)));
  EXPECT_FALSE(tested.pin(block(9, 64)));
  EXPECT_TRUE(pinned().contains(block(9, 0)));
  EXPECT_FALSE(pinned().contains(block(0, 64 * 3)));
}

TEST_F(PinPage, AnUnreasonablePageIsReadNoFurtherThanItsEnd) {
  page.fill(std::byte{0xff});
  EXPECT_EQ(pinned().size(), 1U);
}

// Goal: who pins and sees no move is seen by who moves. Each round one thread pins and looks at the
// count, while another counts and reads the page: one of them must see the other.
TEST_F(PinPage, EitherThePinIsSeenOrTheMove) {
  std::atomic<std::uint64_t> moves{0};
  std::atomic<int> begun{-1};
  std::atomic<int> looked{-1};
  std::atomic<int> checked{-1};
  bool saw_move = false;
  const auto await = [](const std::atomic<int>& round, int which) {
    while (round.load() < which) std::this_thread::yield();
  };
  constexpr int rounds = 3'000;
  std::thread mover{[&] {
    for (int i = 0; i < rounds; ++i) {
      await(begun, i);
      moves.fetch_add(1, std::memory_order_seq_cst);
      const bool saw_pin = pinned().contains(block(0, 64));
      await(looked, i);
      EXPECT_TRUE(saw_pin || saw_move);
      checked.store(i);
    }
  }};
  for (int i = 0; i < rounds; ++i) {
    begun.store(i);
    const auto pin = tested.pin(block(0, 64));
    saw_move = moves.load(std::memory_order_seq_cst) != static_cast<std::uint64_t>(i);
    looked.store(i);
    await(checked, i);
    tested.unpin(*pin);
  }
  mover.join();
}

}  // namespace
}  // namespace mobula::store
