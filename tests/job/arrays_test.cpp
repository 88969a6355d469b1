#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <numeric>
#include <optional>
#include <span>

#include "job/job.hpp"
#include "store/page_tables.hpp"
#include "wire/debug_build.hpp"

// Arrays: born in the store, given away without a copy, read in place wherever they are.

namespace mobula::job {
namespace {

using numbers = shared_array<std::int64_t>;
using view = shared_array<const std::int64_t>;

// Small ones travel in messages; the others are in the store, in slabs and in rooms of their own.
constexpr std::size_t counts[] = {0, 1, 1'000, 4'094, 4'095, 4'096, 50'000, 131'072, 1'000'000};

numbers sequence(std::size_t count, std::int64_t from) {
  numbers made(count);
  std::iota(made.begin(), made.end(), from);
  return made;
}
std::int64_t sum(std::span<const std::int64_t> of) {
  return std::accumulate(of.begin(), of.end(), std::int64_t{0});
}
std::int64_t sum_of_sequence(std::size_t count, std::int64_t from) {
  const auto n = static_cast<std::int64_t>(count);
  return n * from + n * (n - 1) / 2;
}
std::int64_t sum_of_view(view of) { return sum(of); }
bool is_aligned(view of) { return reinterpret_cast<std::uintptr_t>(of.data()) % 64 == 0; }
view as_it_is(view of) { return of; }
std::int64_t sum_of_ref(object_ref<numbers> ref) { return sum(get(ref)); }

TEST(Arrays, OfAnySizeComeBackAsTheyWere) {
  for (const std::size_t count : counts) {
    SCOPED_TRACE(count);
    const std::int64_t expected = sum_of_sequence(count, 5);
    const object_ref<numbers> there = put(sequence(count, 5));
    const view read = got(there);
    EXPECT_EQ(read.size(), count);
    EXPECT_EQ(sum(read), expected);
    EXPECT_EQ(got(remote<sum>(there)), expected);
    EXPECT_EQ(got(remote<sum_of_view>(there)), expected);
    EXPECT_EQ(got(remote<sum_of_ref>(there)), expected);
    EXPECT_EQ(got(remote<sum>(sequence(count, 5))), expected);
    EXPECT_EQ(got(remote<sum_of_view>(sequence(count, 5))), expected);
    EXPECT_EQ(got(remote<sum>(read)), expected);
    EXPECT_EQ(got(remote<sum_of_view>(read)), expected);
    EXPECT_EQ(sum(got(remote<sequence>(count, 5))), expected);
    EXPECT_EQ(got(remote<sum>(remote<sequence>(count, 5))), expected);
    EXPECT_EQ(got(remote<sum>(remote<as_it_is>(there))), expected);
    EXPECT_EQ(sum(got(remote<as_it_is>(read))), expected);
    EXPECT_TRUE(got(remote<is_aligned>(there)));
    EXPECT_TRUE(is_aligned(read));
  }
}

TEST(Arrays, AreWrittenInPlaceAndReadWithoutACopy) {
  numbers written(1'000'000, 3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(written.data()) % 64, 0U);
  written[17] = 4;
  const auto there = put(std::move(written));
  EXPECT_TRUE(written.empty());
  const view first = got(there);
  const view second = got(there);
  EXPECT_EQ(first.data(), second.data());
  EXPECT_EQ(sum(first), 3'000'001);
}

numbers twice(view of) {
  numbers made(of.size());
  for (std::size_t i = 0; i < of.size(); ++i) made[i] = 2 * of[i];
  return made;
}

TEST(Arrays, ChainFromTaskToTask) {
  auto next = remote<sequence>(100'000, 1);
  for (int i = 0; i < 6; ++i) next = remote<twice>(next);
  EXPECT_EQ(sum(got(next)), 64 * sum_of_sequence(100'000, 1));
}

std::tuple<numbers, int, numbers> some() { return {sequence(100'000, 1), 7, sequence(10, 1)}; }
std::vector<numbers> several(int count) {
  std::vector<numbers> made;
  for (int i = 0; i < count; ++i) made.push_back(sequence(50'000, i));
  return made;
}
std::int64_t sum_all(std::vector<view> all) {
  std::int64_t whole = 0;
  for (const view& one : all) whole += sum(one);
  return whole;
}

TEST(Arrays, AreResultsAmongOthers) {
  auto [large, number, small] = got(remote<some>());
  EXPECT_EQ(sum(large), sum_of_sequence(100'000, 1));
  EXPECT_EQ(number, 7);
  EXPECT_EQ(sum(small), sum_of_sequence(10, 1));
  auto [first, second, third] = remote<some>.split();
  EXPECT_EQ(sum(got(first)), sum_of_sequence(100'000, 1));
  EXPECT_EQ(got(remote<sum>(third)), sum_of_sequence(10, 1));
  const auto parts_of_it = remote<several>.split(parts{5}, 5);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(got(remote<sum>(parts_of_it[static_cast<std::size_t>(i)])),
              sum_of_sequence(50'000, i));
}

TEST(Arrays, LieInsideContainersAsNamesOfOthers) {
  std::int64_t expected = 0;
  for (int i = 0; i < 5; ++i) expected += sum_of_sequence(50'000, i);
  const auto all = remote<several>(5);
  EXPECT_EQ(got(remote<sum_all>(all)), expected);
  EXPECT_EQ(sum_all(got(all)), expected);
  EXPECT_EQ(got(remote<sum_all>(got(all))), expected);
  EXPECT_EQ(got(remote<sum_all>(put(several(5)))), expected);
}

struct frame {
  int step = 0;
  shared_array<const std::int64_t> values;
  std::optional<shared_array<const std::int64_t>> more;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& step& values& more;
  }
};
frame next_frame(frame before) {
  frame made;
  made.step = before.step + 1;
  made.values = twice(before.values);
  made.more = before.values;
  return made;
}

TEST(Arrays, LieInsideStructsOfUsers) {
  frame first;
  first.values = sequence(60'000, 1);
  auto ref = remote<next_frame>(first);
  for (int i = 0; i < 4; ++i) ref = remote<next_frame>(ref);
  const frame last = got(ref);
  EXPECT_EQ(last.step, 5);
  EXPECT_EQ(sum(last.values), 32 * sum_of_sequence(60'000, 1));
  EXPECT_EQ(sum(*last.more), 16 * sum_of_sequence(60'000, 1));
}

struct keeper {
  view kept;
  std::int64_t keep(view given) {
    kept = given;
    return sum(kept);
  }
  std::int64_t again() { return sum(kept); }
  view mine() { return kept; }
};

TEST(Arrays, AreKeptByActorsBeyondTheirRefs) {
  for (const std::size_t count : {std::size_t{100}, std::size_t{200'000}}) {
    const auto holder = actor<keeper>();
    {
      auto ref = put(sequence(count, 9));
      EXPECT_EQ(got(holder.call<&keeper::keep>(ref)), sum_of_sequence(count, 9));
    }
    // What is free is used again at once.
    for (int i = 0; i < 20; ++i) got(remote<sum>(put(numbers(count, -1))));
    EXPECT_EQ(got(holder.call<&keeper::again>()), sum_of_sequence(count, 9));
    EXPECT_EQ(sum(got(holder.call<&keeper::mine>())), sum_of_sequence(count, 9));
  }
}

TEST(Arrays, ViewsKeepWhatTheyShow) {
  view kept;
  {
    const auto ref = remote<sequence>(80'000, 2);
    kept = got(ref);
  }
  const view copy = kept;
  kept = {};
  for (int i = 0; i < 20; ++i) got(remote<sum>(put(numbers(80'000, -1))));
  EXPECT_EQ(sum(copy), sum_of_sequence(80'000, 2));
}

TEST(Arrays, OfAllNodesAreReadByAll) {
  std::vector<object_ref<numbers>> all;
  for (std::size_t i = 0; i < 4 * node_count(); ++i)
    all.push_back(remote<sequence>(100'000, static_cast<std::int64_t>(i)));
  const auto views = got(all);
  for (std::size_t i = 0; i < views.size(); ++i)
    EXPECT_EQ(sum(views[i]), sum_of_sequence(100'000, static_cast<std::int64_t>(i)));
  std::vector<object_ref<std::int64_t>> sums;
  for (const auto& one : all) sums.push_back(remote<sum>(one));
  for (std::size_t i = 0; i < sums.size(); ++i)
    EXPECT_EQ(got(sums[i]), sum_of_sequence(100'000, static_cast<std::int64_t>(i)));
}

struct owner_of_arrays {
  std::vector<object_ref<numbers>> mine;
  object_ref<numbers> make(std::size_t count) {
    mine.push_back(put(sequence(count, 5)));
    return mine.back();
  }
  int die() { std::_Exit(3); }
};

// What an owner leaves when it ends is freed, but not under those who read it.
TEST(Arrays, ViewsKeepWhatTheyShowAlsoWhenItsOwnerEnds) {
  const auto doomed = actor<owner_of_arrays>();
  const view large = got(got(doomed.call<&owner_of_arrays::make>(std::size_t{300'000})));
  const view middle = got(got(doomed.call<&owner_of_arrays::make>(std::size_t{80'000})));
  EXPECT_THROW(got(doomed.call<&owner_of_arrays::die>()), actor_died);
  std::vector<object_ref<numbers>> others;
  for (int i = 0; i < 40; ++i) {
    others.push_back(put(numbers(300'000, -1)));
    others.push_back(remote<sequence>(80'000, -1'000'000));
  }
  got(others);
  EXPECT_EQ(sum(large), sum_of_sequence(300'000, 5));
  EXPECT_EQ(sum(middle), sum_of_sequence(80'000, 5));
}

struct forgetful {
  std::int64_t* written = nullptr;
  numbers make(std::size_t count) {
    numbers made = sequence(count, 5);
    written = made.data();
    return made;
  }
  object_ref<numbers> put_one(std::size_t count) { return put(make(count)); }
  std::int64_t read() { return written[17]; }
  std::int64_t write() { return written[17] = -1; }
};

TEST(Arrays, ThatArePutEndWhoStillWritesThemAndStayWhatTheyWere) {
  const bool are_protected = store::page_tables_move() || wire::is_debug_build;
  for (const std::size_t count : {std::size_t{2} << 20 >> 3, std::size_t{1'000'000}}) {
    const auto doomed = actor<forgetful>();
    const auto result = doomed.call<&forgetful::make>(count);
    EXPECT_EQ(sum(got(result)), sum_of_sequence(count, 5));
    EXPECT_EQ(got(doomed.call<&forgetful::read>()), 22);
    if (are_protected) {
      EXPECT_THROW(got(doomed.call<&forgetful::write>()), actor_died);
    }
    EXPECT_EQ(sum(got(result)), sum_of_sequence(count, 5));
    EXPECT_EQ(got(remote<sum>(result)), sum_of_sequence(count, 5));

    const auto another = actor<forgetful>();
    const view before = got(got(another.call<&forgetful::put_one>(count)));
    if (are_protected) {
      EXPECT_THROW(got(another.call<&forgetful::write>()), actor_died);
    }
    EXPECT_EQ(sum(before), sum_of_sequence(count, 5));
  }
}

// Trivially copyable, though it is not sent as bytes elsewhere.
struct particle {
  std::int64_t x = 0;
  std::int64_t y = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& x& y;
  }
};
using particles = shared_array<particle>;
particles some_particles(std::size_t count) {
  particles made(count);
  for (std::size_t i = 0; i < count; ++i) made[i] = {static_cast<std::int64_t>(i), 1};
  return made;
}
std::int64_t sum_of_particles(std::span<const particle> of) {
  std::int64_t all = 0;
  for (const particle& one : of) all += one.x * one.y;
  return all;
}
std::int64_t sum_of_seen_particles(shared_array<const particle> of) { return sum_of_particles(of); }

TEST(Arrays, HaveElementsThatAreEncodedElsewhere) {
  for (const std::size_t count : counts) {
    SCOPED_TRACE(count);
    const std::int64_t expected = sum_of_sequence(count, 0);
    const auto there = put(some_particles(count));
    EXPECT_EQ(got(remote<sum_of_particles>(there)), expected);
    EXPECT_EQ(got(remote<sum_of_seen_particles>(there)), expected);
    EXPECT_EQ(got(remote<sum_of_particles>(remote<some_particles>(count))), expected);
    const auto read = got(there);
    const std::vector<particle> copied(read.begin(), read.end());
    EXPECT_EQ(got(remote<sum_of_particles>(put(copied))), expected);
    EXPECT_EQ(got(remote<sum_of_particles>(copied)), expected);
  }
}

struct of_a_view {
  explicit of_a_view(view seen) : total{sum(seen)} {}
  std::int64_t sum_seen() { return total; }
  std::int64_t add(view seen) { return total += sum(seen); }
  std::int64_t total;
};
struct of_a_span {
  explicit of_a_span(std::span<const std::int64_t> seen) : total{sum(seen)} {}
  std::int64_t sum_seen() { return total; }
  std::int64_t total;
};

TEST(Arrays, AreReadByConstructorsOfActors) {
  for (const std::size_t count : {std::size_t{10}, std::size_t{50'000}}) {
    const std::int64_t expected = sum_of_sequence(count, 3);
    const auto there = put(sequence(count, 3));
    EXPECT_EQ(got(actor<of_a_view>(there).call<&of_a_view::sum_seen>()), expected);
    EXPECT_EQ(got(actor<of_a_span>(there).call<&of_a_span::sum_seen>()), expected);
    EXPECT_EQ(got(actor<of_a_view>(sequence(count, 3)).call<&of_a_view::sum_seen>()), expected);
  }
}

TEST(Arrays, ThatWereMovedIntoACallHaveNoElements) {
  for (const std::size_t count : {std::size_t{10}, std::size_t{50'000}, std::size_t{500'000}}) {
    const std::int64_t expected = sum_of_sequence(count, 3);
    numbers given = sequence(count, 3);
    const auto of_task = remote<sum>(std::move(given));
    EXPECT_TRUE(given.empty());
    EXPECT_THROW(remote<sum>(std::move(given)), error);
    EXPECT_EQ(got(of_task), expected);
    given = sequence(count, 3);
    const auto made = actor<of_a_view>(std::move(given));
    EXPECT_TRUE(given.empty());
    given = sequence(count, 3);
    EXPECT_EQ(got(made.call<&of_a_view::add>(std::move(given))), 2 * expected);
    EXPECT_TRUE(given.empty());
  }
}

std::int64_t sum_of_all(std::vector<view> all) {
  std::int64_t total = 0;
  for (const view& one : all) total += sum(one);
  return total;
}

TEST(Arrays, OfAContainerThatIsGivenAwayAreGivenAway) {
  std::vector<numbers> all;
  for (const std::size_t count : counts) all.push_back(sequence(count, 1));
  std::int64_t expected = 0;
  for (const std::size_t count : counts) expected += sum_of_sequence(count, 1);
  EXPECT_EQ(got(remote<sum_of_all>(std::move(all))), expected);
}

TEST(Arrays, ThatHaveNoElementsToGiveAreRefused) {
  numbers moved_from = sequence(10, 1);
  const auto there = put(std::move(moved_from));
  EXPECT_THROW(put(std::move(moved_from)), error);
  EXPECT_THROW(remote<sum>(numbers{}), error);
  EXPECT_THROW((view{numbers{}}), error);
  EXPECT_EQ(got(remote<sum>(view{})), 0);  // nothing, but not nobody's
  EXPECT_EQ(got(remote<sum>(numbers(0))), 0);
  EXPECT_EQ(sum(got(there)), 55);
}

TEST(Arrays, LargerThanTheStoreAreRefusedInWords) {
  try {
    numbers too_large(std::size_t{1} << 45);
    FAIL() << "there was room for it";
  } catch (const store_full& refused) {
    EXPECT_NE(std::string_view{refused.what()}.find("MOBULA_STORE_BYTES"), std::string_view::npos)
        << refused.what();
  }
  EXPECT_THROW(numbers(std::size_t{1} << 60), std::length_error);
}

// ---- beyond what 32 bits count: see CMakeLists.txt

constexpr std::size_t large_count = (std::size_t{9} << 29) + 5;
constexpr std::size_t marks[] = {0, 0x7fff'ffff, 0xffff'ffff, 0x1'0000'0000, large_count - 1};

int sum_of_marks(std::span<const char> of) {
  int sum = of.size() == large_count ? 0 : 1000;
  for (const std::size_t mark : marks) sum += of[mark];
  return sum;
}
shared_array<char> marked(int mark_with) {
  shared_array<char> made(large_count);
  for (const std::size_t mark : marks) made[mark] = static_cast<char>(mark_with);
  return made;
}

TEST(LargeArrays, OfMoreThan4GiBAreWrittenGivenAwayAndRead) {
  for (const bool by_task : {false, true}) {
    const auto there = by_task ? remote<marked>(3) : put(marked(3));
    EXPECT_EQ(got(remote<sum_of_marks>(there)), 15);
    const auto read = got(there);
    EXPECT_EQ(read.size(), large_count);
    EXPECT_EQ(sum_of_marks(read), 15);
    EXPECT_EQ(got(remote<sum_of_marks>(read)), 15);
  }
}

TEST(Arrays, ThatAreNotGivenAwayLeaveTheStoreAsItWas) {
  // More than a small store holds at once.
  for (int i = 0; i < 200; ++i) {
    numbers unused(2'000'000);
    unused[static_cast<std::size_t>(i)] = i;
  }
  for (int i = 0; i < 200; ++i) EXPECT_EQ(got(remote<sum>(numbers(1'000'000, 1))), 1'000'000);
}

TEST(Arrays, TakeRoomInTheStoreAsLongAsTheyLive) {
  ASSERT_TRUE(all_is_free());
  const auto used = [] {
    std::pair<std::uint64_t, std::uint64_t> sum;
    for (const node_state& node : nodes(patience)) {
      EXPECT_GE(node.store_bytes, node.store_used_bytes);
      sum.first += node.store_used_bytes;
      sum.second += node.store_objects;
    }
    return sum;
  };
  constexpr std::uint64_t bytes = 1'000'000 * sizeof(std::int64_t);
  {
    const auto large = put(numbers(1'000'000, 1));
    const auto middle = remote<sequence>(80'000, 1);
    got(middle);
    EXPECT_TRUE(eventually([&] { return used().first >= bytes + 640'000; }));
    EXPECT_GE(used().second, 2U);
    EXPECT_LE(available_resources(patience).at("store") + static_cast<double>(bytes),
              cluster_resources(patience).at("store"));
    numbers being_written(1'000'000);
    EXPECT_GE(used().first, 2 * bytes);
  }
  EXPECT_TRUE(eventually([&] { return used() == std::pair<std::uint64_t, std::uint64_t>{}; }));
}

TEST(Arrays, ATypeOfWideElementsKeepsThem) {
  struct point {
    double x, y, z;
  };
  shared_array<point> written(10'000);
  for (std::size_t i = 0; i < written.size(); ++i) written[i] = {double(i), 1, 2};
  const auto there = put(std::move(written));
  EXPECT_EQ(got(there)[9'999].x, 9'999);
}

}  // namespace
}  // namespace mobula::job
