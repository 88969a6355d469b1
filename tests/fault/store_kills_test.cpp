#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <mobula/mobula.hpp>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "holds_within.hpp"
#include "unit/seed.hpp"

// Goal: kill -9 in the middle of whatever a process does with the node's store leaks nothing and
// spoils nothing. Method: tasks that allocate, write, put, read and let go as fast as they can, in
// slabs and in rooms of their own, killed at a random moment, a thousand times; the driver reads
// what others made all the while. In the end the books are checked: no object, no byte in use, and
// nearly all of the store can be had in one piece.

namespace {

using namespace std::chrono_literals;
using mobula::object_ref;
using mobula::shared_array;

using numbers = shared_array<std::uint64_t>;
using view = shared_array<const std::uint64_t>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kills = 60;
constexpr std::chrono::seconds patience = 180s;
#else
constexpr int kills = 1000;
constexpr std::chrono::seconds patience = 60s;
#endif

numbers sequence(std::size_t count, std::uint64_t from) {
  numbers made(count);
  std::iota(made.begin(), made.end(), from);
  return made;
}

bool is_sequence(const view& all) {
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i] != all[0] + i) return false;
  return true;
}

// Of objects that travel in messages, lie in slabs, and have rooms of their own.
std::size_t some_count(std::mt19937_64& random) {
  constexpr std::size_t largest[] = {1'000, 20'000, 120'000, 400'000};
  return random() % largest[random() % 4] + 1;
}

// Written twice where it is large: measured, then into its room.
struct pieces {
  std::vector<std::vector<std::uint64_t>> all;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& all;
  }
};
pieces some_pieces(std::size_t count, std::uint64_t from) {
  pieces made;
  for (std::size_t i = 0; i < count; i += 100) made.all.emplace_back(100, from + i);
  return made;
}
bool are_pieces(const pieces& all) {
  return std::ranges::all_of(all.all, [](const auto& one) {
    return one.size() == 100 && std::ranges::count(one, one.front()) == 100;
  });
}

object_ref<void> put_array(std::mt19937_64& random) {
  numbers made = sequence(some_count(random), random());
  if (random() % 4 == 0) return {};  // never given away
  const auto there = mobula::put(std::move(made));
  if (!is_sequence(mobula::get(there))) std::abort();
  return there;
}
object_ref<void> put_vector(std::mt19937_64& random) {
  const std::vector<std::uint64_t> value(some_count(random), random());
  const auto there = mobula::put(value);
  if (mobula::get(there) != value) std::abort();
  return there;
}
object_ref<void> put_pieces(std::mt19937_64& random) {
  const auto there = mobula::put(some_pieces(some_count(random), random()));
  if (!are_pieces(mobula::get(there))) std::abort();
  return there;
}
object_ref<void> put_arrays_inside(std::mt19937_64& random) {
  std::vector<numbers> several;
  for (int i = 0; i < 3; ++i) several.push_back(sequence(some_count(random), random()));
  const auto there = mobula::put(std::move(several));
  if (!std::ranges::all_of(mobula::get(there), is_sequence)) std::abort();
  return there;
}

// Never returns.
int churn(std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::thread killer{[after = std::chrono::microseconds{random() % 3'000}] {
    std::this_thread::sleep_for(after);
    ::kill(::getpid(), SIGKILL);
  }};
  using putter = object_ref<void>(std::mt19937_64&);
  constexpr putter* ways[] = {put_array, put_vector, put_pieces, put_arrays_inside};
  std::deque<object_ref<void>> held;
  for (;;) {
    held.push_back(ways[random() % 4](random));
    if (random() % 2 == 0) held.pop_front();
    if (held.size() > 4) held.clear();
  }
}

std::uint64_t sum_of(std::uint64_t mobula::node_state::*which) {
  std::uint64_t sum = 0;
  for (const auto& node : mobula::nodes(patience)) sum += node.*which;
  return sum;
}

TEST(StoreKills, InTheMiddleOfAnythingLeakNothingAndSpoilNothing) {
  std::mt19937_64 random{mobula::test_seed()};
  {
    std::vector<object_ref<int>> running;
    std::deque<object_ref<numbers>> held;
    for (int killed = 0; killed < kills;) {
      while (running.size() < 4) running.push_back(mobula::remote<churn>(random()));
      held.push_back(mobula::remote<sequence>(some_count(random), random()));
      if (held.size() > 6) held.pop_front();
      auto [ready, pending] = mobula::wait(std::move(running), {.count = 1, .timeout = patience});
      ASSERT_FALSE(ready.empty()) << "nobody was killed within " << patience.count() << " s";
      for (const auto& one : ready) EXPECT_THROW(mobula::get(one), mobula::worker_died);
      killed += static_cast<int>(ready.size());
      running = std::move(pending);
      // The process that made it may have been killed for what else ran there.
      try {
        ASSERT_TRUE(is_sequence(mobula::get(held[random() % held.size()], patience)));
      } catch (const mobula::worker_died&) {
      }
    }
    for (const auto& one : running) EXPECT_THROW(mobula::get(one, patience), mobula::worker_died);
  }
  EXPECT_TRUE(mobula::holds_within(patience,
                                   [] { return sum_of(&mobula::node_state::store_objects) == 0; }))
      << sum_of(&mobula::node_state::store_objects) << " objects are left";
  EXPECT_TRUE(mobula::holds_within(
      patience, [] { return sum_of(&mobula::node_state::store_used_bytes) == 0; }))
      << sum_of(&mobula::node_state::store_used_bytes) << " bytes are in use";
  const std::uint64_t size = mobula::nodes(patience).front().store_bytes;
  EXPECT_NO_THROW(shared_array<std::byte>{size / 10 * 9});
}

}  // namespace

int main(int argc, char** argv) {
  mobula::runtime runtime(argc, argv, {.cpus = 4, .store_bytes = 256 << 20});
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
