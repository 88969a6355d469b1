#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "job/job.hpp"

// Objects: of any size, on any node, whoever owns them and however their refs travel.

namespace mobula::job {
namespace {

using bytes = std::vector<unsigned char>;

constexpr std::size_t sizes[] = {0,      1,       63,      1'000,         32'767,  32'768,
                                 32'769, 100'000, 1 << 20, (1 << 20) + 1, 10 << 20};

bytes made_of(std::size_t size, unsigned seed) {
  bytes made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<unsigned char>(i * 31 + seed);
  return made;
}
std::uint64_t checksum(const bytes& of) {
  std::uint64_t sum = of.size();
  for (const unsigned char each : of) sum = sum * 31 + each;
  return sum;
}
std::uint64_t checksum_of_ref(object_ref<bytes> ref) { return checksum(get(ref)); }

// One for each node at once, each of which takes all its cpus.
template <auto Function, class... Arguments>
auto on_each_node(Arguments... arguments) {
  const int count = static_cast<int>(node_count());
  shared_numbers shared;
  std::vector<decltype(remote<Function>(shared.path(), count, arguments...))> refs;
  for (int i = 0; i < count; ++i)
    refs.push_back(
        remote<Function>.with({.cpus = cpus_of_a_node()})(shared.path(), count, arguments...));
  auto values = got(refs);
  return std::pair{std::move(refs), std::move(values)};
}

std::pair<int, std::uint64_t> checksum_there(std::string numbers, int count, bytes value) {
  if (!meet(numbers, count)) return {-1, 0};
  return {static_cast<int>(context().node), checksum(value)};
}

bytes make_there(std::string numbers, int count, std::size_t size) {
  return meet(numbers, count) ? made_of(size, context().node) : bytes{};
}

TEST(Objects, OfAnySizeComeBackAsTheyWere) {
  for (const std::size_t size : sizes) {
    const auto value = made_of(size, 3);
    const auto there = put(value);
    EXPECT_EQ(got(there), value) << size;
    EXPECT_EQ(got(remote<checksum>(there)), checksum(value)) << size;
    EXPECT_EQ(got(remote<checksum>(value)), checksum(value)) << size;
    EXPECT_EQ(got(remote<checksum_of_ref>(there)), checksum(value)) << size;
    EXPECT_EQ(got(remote<made_of>(size, 3U)), value) << size;
    EXPECT_EQ(got(remote<checksum>(remote<made_of>(size, 3U))), checksum(value)) << size;
  }
}

TEST(Objects, ReachEveryNodeWhatTheirSize) {
  for (const std::size_t size : {std::size_t{1'000}, std::size_t{40'000}, std::size_t{3} << 20}) {
    const auto value = made_of(size, 7);
    std::set<int> seen;
    for (const auto& [node, sum] : on_each_node<checksum_there>(put(value)).second) {
      EXPECT_EQ(sum, checksum(value));
      seen.insert(node);
    }
    EXPECT_EQ(seen.size(), node_count());
  }
}

TEST(Objects, MadeOnEveryNodeCanBeHadByAll) {
  for (const std::size_t size : {std::size_t{1'000}, std::size_t{40'000}, std::size_t{3} << 20}) {
    const auto [refs, values] = on_each_node<make_there>(size);
    for (std::size_t i = 0; i < refs.size(); ++i) {
      EXPECT_EQ(values[i].size(), size);
      for (const auto& [node, sum] : on_each_node<checksum_there>(refs[i]).second)
        EXPECT_EQ(sum, checksum(values[i]));
    }
  }
}

TEST(Objects, Of64MegabytesReachEveryNode) {
  constexpr std::size_t size = 64 << 20;
  const auto value = made_of(size, 1);
  const auto sum = checksum(value);
  for (const auto& [node, there] : on_each_node<checksum_there>(put(value)).second)
    EXPECT_EQ(there, sum);
  EXPECT_EQ(got(remote<made_of>(size, 1U)), value);
}

TEST(Objects, WhatIsDroppedMakesRoom) {
  for (unsigned i = 0; i < 24; ++i) {
    const auto big = put(bytes(40 << 20, static_cast<unsigned char>(i)));
    EXPECT_EQ(got(remote<[](const bytes& value) { return static_cast<int>(value.back()); }>(big)),
              static_cast<int>(i));
  }
}

TEST(Objects, WhatDoesNotFitIsRefused) {
  EXPECT_THROW(static_cast<void>(got(put(bytes(300 << 20)))), store_full);
  EXPECT_THROW(static_cast<void>(got(remote<made_of>(std::size_t{300} << 20, 1U))), store_full);
}

TEST(Objects, AreNotChangedByThoseWhoGetThem) {
  const auto ref = put(std::vector<int>(20'000, 1));
  auto mine = got(ref);
  mine[0] = 2;
  EXPECT_EQ(got(remote<[](std::vector<int> theirs) { return theirs[0] = 5; }>(ref)), 5);
  EXPECT_EQ(got(ref)[0], 1);
}

// --- refs inside other values ---

struct basket {
  std::string label;
  object_ref<std::string> text;
  std::map<int, std::vector<object_ref<int>>> numbers;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& label& text& numbers;
  }
};

std::string unpack(basket from) {
  std::string all = from.label + get(from.text);
  for (const auto& [key, refs] : from.numbers)
    for (const auto& ref : refs) all += std::to_string(key * get(ref));
  return all;
}
basket pack(int value) {
  return {"l", put("t" + std::to_string(value)), {{2, {put(value), remote<plus>(value, 1)}}}};
}
basket repack(basket from) {
  from.label += "+";
  return from;
}

TEST(RefsInside, ContainersAndStructsArePassedAsRefs) {
  basket mine{"a", put("b"), {{1, {remote<same>(3), put(4)}}, {10, {put(5)}}}};
  EXPECT_EQ(got(remote<unpack>(mine)), "ab3450");
  EXPECT_EQ(got(remote<unpack>(put(std::move(mine)))), "ab3450");
}

TEST(RefsInside, OfOtherOwnersComeBackAndGoOn) {
  auto made = remote<pack>(6);
  for (int i = 0; i < 3; ++i) made = remote<repack>(std::exchange(made, {}));
  const basket here = got(made);
  made = {};
  EXPECT_EQ(here.label, "l+++");
  EXPECT_EQ(got(here.text), "t6");
  EXPECT_EQ(got(here.numbers.at(2)), (std::vector{6, 7}));
  EXPECT_EQ(got(remote<unpack>(here)), "l+++t61214");
}

TEST(RefsInside, OneThatIsNotReadyHoldsNobodyBack) {
  shared_numbers shared;
  const auto pending = late(shared, 8);
  const auto given =
      remote<[](std::vector<object_ref<int>> refs) { return refs; }>(std::vector{pending});
  const auto back = got(given);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0], pending);
  shared[signal] = 1;
  EXPECT_EQ(got(back[0]), 8);
}

TEST(RefsInside, RefsOfRefsAreFollowedStepByStep) {
  const auto inner = remote<[](int value) { return put(put(value)); }>(9);
  EXPECT_EQ(got(got(got(inner))), 9);
}

int use_later(std::vector<object_ref<int>> refs, std::string numbers) {
  const int last = await_signal(std::move(numbers), 1);
  return last * get(refs.at(0));
}
object_ref<int> forward(std::vector<object_ref<int>> refs, std::string numbers, int hops) {
  // Submits what uses the ref, drops its own hold, and is gone long before that ends.
  if (hops > 0) return get(remote<forward>(std::move(refs), std::move(numbers), hops - 1));
  return remote<use_later>.with({.cpus = 0})(std::move(refs), std::move(numbers));
}

TEST(RefsInside, ForwardedByTasksThatDropThemStayAlive) {
  for (int hops = 0; hops < 4; ++hops) {
    shared_numbers shared;
    auto mine = remote<same>(11);
    const auto through = remote<forward>(std::vector{std::move(mine)}, shared.path(), hops);
    mine = {};
    const auto result = got(through);
    shared[signal] = 1;
    EXPECT_EQ(got(result), 11) << hops;
  }
}

struct keeper {
  std::vector<object_ref<bytes>> kept;
  void keep(std::vector<object_ref<bytes>> refs) { kept = std::move(refs); }
  std::uint64_t look() { return checksum(get(kept.at(0))); }
  std::vector<object_ref<bytes>> give() { return std::exchange(kept, {}); }
};

TEST(RefsInside, ABorrowerKeepsWhatItsOwnerDropped) {
  for (const std::size_t size : {std::size_t{10}, std::size_t{100'000}}) {
    const auto sum = checksum(made_of(size, 5));
    const auto first = actor<keeper>();
    const auto second = actor<keeper>();
    {
      auto mine = put(made_of(size, 5));
      got(first.call<&keeper::keep>(std::vector{std::move(mine)}));
    }
    EXPECT_EQ(got(first.call<&keeper::look>()), sum);
    got(second.call<&keeper::keep>(first.call<&keeper::give>()));
    EXPECT_EQ(got(second.call<&keeper::look>()), sum);
    const auto back = got(second.call<&keeper::give>());
    EXPECT_EQ(checksum(got(back.at(0))), sum);
  }
}

std::vector<object_ref<int>> hundred_tasks(int base) {
  std::vector<object_ref<int>> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(remote<plus>(base, i));
  return refs;
}
int sum_of_all(std::vector<object_ref<int>> refs) {
  const auto values = get(refs);
  return std::accumulate(values.begin(), values.end(), 0);
}

TEST(RefsInside, ResultsOfATasksOwnTasksOutliveIt) {
  std::vector<object_ref<int>> all;
  for (const auto& list : got(std::vector{remote<hundred_tasks>(0), remote<hundred_tasks>(1'000)}))
    all.insert(all.end(), list.begin(), list.end());
  EXPECT_EQ(got(remote<sum_of_all>(all)), 109'900);
  EXPECT_EQ(got(remote<sum_of_all>(remote<hundred_tasks>(0))), 4'950);
  EXPECT_EQ(got(remote<plus>(all[5], all[105])), 1'010);
}

TEST(RefsInside, AnObjectOfManyRefsIsGot) {
  std::vector<object_ref<int>> refs;
  for (int i = 0; i < 10'000; ++i) refs.push_back(put(i));
  const auto held = put(refs);
  refs.clear();
  const auto back = got(held);
  ASSERT_EQ(back.size(), 10'000U);
  EXPECT_EQ(got(back[9'999]), 9'999);
  EXPECT_EQ(got(remote<[](std::vector<object_ref<int>> theirs) { return get(theirs[77]); }>(held)),
            77);
}

// What is put on the way, by a serialize that is called once to measure and once to write.
struct with_a_part {
  std::vector<std::string> pieces;
  std::vector<int> large;  // travels as an object of its own
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& pieces;
    if constexpr (Archive::is_saving::value) {
      const auto part = put(large);
      archive << part;
    } else {
      object_ref<std::vector<int>> part;
      archive >> part;
      large = get(part, patience);
    }
  }
  bool operator==(const with_a_part&) const = default;
};

TEST(Objects, MayBePutWhileOthersAreWritten) {
  for (const std::size_t count : {std::size_t{1}, std::size_t{100'000}}) {
    const with_a_part value{std::vector<std::string>(count, "a piece of some length, say"),
                            std::vector<int>(50'000, 7)};
    EXPECT_TRUE(got(put(value)) == value) << count;
    EXPECT_TRUE(got(remote<[](with_a_part given) { return given; }>(value)) == value) << count;
  }
}

}  // namespace
}  // namespace mobula::job
