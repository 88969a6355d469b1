#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <mutex>
#include <optional>

#include "job/job.hpp"
#include "runtime/casts.hpp"
#include "runtime/process.hpp"
#include "runtime/store_client.hpp"
#include "stopped_process.hpp"

// Large values that lie on another node, while that node's scheduler does not answer. For two ranks
// that are a node each: a worker is its scheduler's child there.

namespace mobula::job {
namespace {

using bytes = std::vector<unsigned char>;

// Of the 256 MiB that each node's store has (main.cpp).
constexpr std::size_t large = std::size_t{80} << 20;
constexpr std::size_t too_large_beside_it = std::size_t{200} << 20;

std::string outcome(const std::vector<object_ref<bytes>>& refs, time_limit limit) {
  try {
    std::size_t size = 0;
    for (const bytes& value : get(refs, limit)) size += value.size();
    return std::to_string(size);
  } catch (const timed_out&) {
    return "timed out";
  } catch (const store_full&) {
    return "store full";
  } catch (const object_lost&) {
    return "lost";
  }
}
/// By polling only.
bool comes_out_as(const std::string& expected, const std::vector<object_ref<bytes>>& refs) {
  return eventually([&] { return outcome(refs, 0s) == expected; });
}

struct resident {
  int node() { return static_cast<int>(context().node); }
  int scheduler() { return ::getppid(); }
  bytes make(std::size_t size) { return bytes(size, 7); }
  std::vector<object_ref<bytes>> keep(std::size_t size) { return {put(bytes(size, 7))}; }
  std::vector<shared_array<int>> arrays() {
    std::vector<shared_array<int>> made;
    for (int i = 0; i < 3; ++i) made.emplace_back(std::size_t{1'000'000}, i);
    return made;
  }
  std::string get_arrays_within(std::vector<object_ref<std::vector<shared_array<int>>>> refs,
                                std::chrono::milliseconds limit) {
    try {
      return std::to_string(get(refs.at(0), limit).at(2)[999'999]);
    } catch (const timed_out&) {
      return "timed out";
    }
  }
  std::string nodes_within(std::chrono::milliseconds limit) {
    try {
      return std::to_string(nodes(limit).size());
    } catch (const timed_out&) {
      return "timed out";
    }
  }
  std::string get_within(std::vector<object_ref<bytes>> refs, std::chrono::milliseconds limit) {
    return outcome(refs, limit);
  }
  bool poll(std::vector<object_ref<bytes>> refs, std::string expected) {
    return comes_out_as(expected, refs);
  }
};

core::object& record_of(const object_ref<bytes>& ref) {
  return detail::record_of(detail::access::record_of(ref));
}
std::unique_lock<detail::spinlock> locked() {
  return std::unique_lock{detail::process::require().lock()};
}

/// On the same node, where no object is.
wire::location nowhere(const wire::location& where, std::uint32_t which) {
  wire::location other = where;
  other.generation += 1'000'000 + which;
  return other;
}

struct nothing_to_do final : core::waiter {
  void on_ready(core::object&) override {}
};

class Fetching : public testing::Test {
 protected:
  // An actor on each node.
  void SetUp() override {
    ASSERT_EQ(node_count(), 2U) << "start it as two ranks with MOBULA_RANKS_PER_NODE=1";
    std::optional<actor_handle<resident>> both[2];
    for (int i = 0; i < 2; ++i) {
      auto one = actor<resident>.with({.cpus = cpus_of_a_node(), .max_concurrency = 2})();
      both[got(one.call<&resident::node>())] = one;
    }
    ASSERT_TRUE(both[0] && both[1]);
    here_ = both[0];
    there_ = both[1];
    scheduler_ = got(there_->call<&resident::scheduler>());
  }
  object_ref<bytes> make_there() {
    auto made = there_->call<&resident::make>(large);
    EXPECT_EQ(wait(std::vector{made}, {.timeout = patience}).ready.size(), 1U);
    return made;
  }

  std::optional<actor_handle<resident>> here_, there_;
  int scheduler_ = 0;
};

// The value comes in a message; what it names does not.
TEST_F(Fetching, EndsAtTheLimitOfGetAlsoOfWhatLiesInsideTheValue) {
  const auto all = there_->call<&resident::arrays>();
  ASSERT_EQ(wait(std::vector{all}, {.timeout = patience}).ready.size(), 1U);
  {
    const stopped_process mute{scheduler_};
    EXPECT_THROW(get(all, 0s), timed_out);
    EXPECT_THROW(get(all, 20ms), timed_out);
    EXPECT_THROW(get(std::vector{all}, 20ms), timed_out);
    EXPECT_EQ(got(here_->call<&resident::get_arrays_within>(std::vector{all}, 20ms)), "timed out");
  }
  EXPECT_EQ(got(all).at(1)[5], 1);
  EXPECT_EQ(got(here_->call<&resident::get_arrays_within>(std::vector{all},
                                                          std::chrono::milliseconds{patience})),
            "2");
}

TEST_F(Fetching, EndsAtTheLimitOfGet) {
  const auto one = make_there();
  const auto other = make_there();
  {
    const stopped_process mute{scheduler_};
    EXPECT_THROW(get(one, 0s), timed_out);
    EXPECT_THROW(get(one, 20ms), timed_out);
    EXPECT_THROW(get(std::vector{one, other}, 20ms), timed_out);
    EXPECT_THROW(get(std::tuple{put(1), one}, 20ms), timed_out);
    EXPECT_EQ(got(here_->call<&resident::get_within>(std::vector{one}, 0ms)), "timed out");
    EXPECT_EQ(got(here_->call<&resident::get_within>(std::vector{one, other}, 20ms)), "timed out");
  }
  EXPECT_EQ(got(one), bytes(large, 7));
  EXPECT_EQ(got(std::vector{other, one}).front().size(), large);
}

TEST_F(Fetching, LeavesTheWorkerToOthers) {
  const auto one = make_there();
  object_ref<std::string> waiting;
  {
    const stopped_process mute{scheduler_};
    waiting = here_->call<&resident::get_within>(std::vector{one}, patience);
    EXPECT_EQ(got(here_->call<&resident::node>()), 0);
    EXPECT_EQ(wait(std::vector{waiting}, {.timeout = 0s}).ready.size(), 0U);
  }
  EXPECT_EQ(got(waiting), std::to_string(large));
}

TEST_F(Fetching, IsNotBegunAnewByWhoPolls) {
  const auto one = make_there();
  const auto other = make_there();
  EXPECT_TRUE(comes_out_as(std::to_string(large), {one}));
  EXPECT_TRUE(got(here_->call<&resident::poll>(std::vector{other}, std::to_string(large))));
}

TEST_F(Fetching, TellsWhoPollsThatItFailedAndIsTriedAgain) {
  const auto one = make_there();
  {
    const auto in_its_way = put(bytes(too_large_beside_it));
    EXPECT_TRUE(comes_out_as("store full", {one}));
    EXPECT_TRUE(got(here_->call<&resident::poll>(std::vector{one}, "store full")));
  }
  EXPECT_TRUE(eventually([&] { return outcome({one}, patience) == std::to_string(large); }));
}

// The one that is told first tries again before the other has read what it was told of.
TEST_F(Fetching, TellsAllWhoWaitedOfAFailure) {
  const auto one = make_there();
  const auto in_its_way = put(bytes(too_large_beside_it));
  detail::store_client& store = detail::process::require().store();
  core::object& record = record_of(one);
  nothing_to_do first, second;
  {
    const auto held = locked();
    ASSERT_TRUE(store.bring(record, first));
    ASSERT_TRUE(store.bring(record, second));
  }
  detail::process::require().wait_until([&] { return !first.waits(); });
  EXPECT_THROW(store.read(record), store_full);
  {
    const auto held = locked();
    ASSERT_TRUE(store.bring(record, first));
  }
  EXPECT_THROW(store.read(record), store_full);
  detail::process::require().wait_until([&] { return !first.waits(); });
}

TEST_F(Fetching, LooksInTheOtherPlacesThatTheOwnerKnows) {
  const auto one = make_there();
  core::object& record = record_of(one);
  {
    const auto held = locked();
    record.more().copies = {nowhere(record.at, 1), record.at};
    record.at = nowhere(record.at, 0);
  }
  EXPECT_EQ(outcome({one}, patience), std::to_string(large));
  const auto held = locked();
  std::erase_if(record.extras->copies, [](const auto& copy) { return copy.generation > 999'999; });
}

TEST_F(Fetching, EndsWhenNoPlaceHasIt) {
  const auto one = make_there();
  core::object& record = record_of(one);
  const wire::location where = record.at;
  {
    const auto held = locked();
    record.at = nowhere(where, 0);
    record.more().copies = {nowhere(where, 1), nowhere(where, 2)};
  }
  EXPECT_EQ(outcome({one}, patience), "lost");
  const auto held = locked();
  record.at = where;
  record.extras->copies.clear();
}

TEST_F(Fetching, AsksTheOwnerAnewWhereABorrowedObjectIs) {
  const auto one = got(there_->call<&resident::keep>(large)).front();
  ASSERT_EQ(wait(std::vector{one}, {.timeout = patience}).ready.size(), 1U);
  core::object& record = record_of(one);
  {
    const auto held = locked();
    ASSERT_FALSE(record.owned);
    record.at = nowhere(record.at, 0);
  }
  EXPECT_EQ(outcome({one}, patience), std::to_string(large));
}

TEST_F(Fetching, AskingTheNodesHasALimitAndLeavesTheWorkerToOthers) {
  object_ref<std::string> waiting;
  {
    const stopped_process mute{scheduler_};
    EXPECT_THROW(nodes(20ms), timed_out);
    EXPECT_THROW(available_resources(0s), timed_out);
    EXPECT_EQ(got(here_->call<&resident::nodes_within>(20ms)), "timed out");
    waiting = here_->call<&resident::nodes_within>(patience);
    EXPECT_EQ(got(here_->call<&resident::node>()), 0);
    EXPECT_EQ(wait(std::vector{waiting}, {.timeout = 0s}).ready.size(), 0U);
  }
  EXPECT_EQ(got(waiting), "2");
  EXPECT_THROW(cluster_resources(-1s), std::invalid_argument);
}

std::size_t size_of(const bytes& value) { return value.size(); }

// With the other node's cpus taken, the task goes where its argument is not.
TEST_F(Fetching, FailsATaskWhoseArgumentFindsNoRoomWithTheWordsOfTheStore) {
  const auto one = make_there();
  here_.reset();
  const auto in_its_way = put(bytes(too_large_beside_it));
  try {
    got(remote<size_of>(one));
    FAIL();
  } catch (const store_full& full) {
    EXPECT_THAT(full.what(), testing::HasSubstr("node 0"));
    EXPECT_THAT(full.what(), testing::HasSubstr("has no room for 80"));
  }
}

TEST_F(Fetching, LeavesNothingBehindWhenNobodyWaitsAnyMore) {
  {
    const auto one = make_there();
    const stopped_process mute{scheduler_};
    EXPECT_THROW(get(one, 20ms), timed_out);
    EXPECT_EQ(got(here_->call<&resident::get_within>(std::vector{one}, 0ms)), "timed out");
  }
  EXPECT_TRUE(eventually([] {
    try {
      return get(put(bytes(too_large_beside_it)), patience).size() == too_large_beside_it;
    } catch (const store_full&) {
      return false;
    }
  })) << "the copy that came late";
}

}  // namespace
}  // namespace mobula::job
