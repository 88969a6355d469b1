#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mobula/mobula.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "holds_within.hpp"
#include "stopped_process.hpp"

// Goal: kill -9 in the middle of a read from another node's store costs what died and nothing else:
// who waits gets the right bytes from another holder, or the right error, and neither memory nor a
// pin is left. Method: real nodes, real UCX. A node has let another read (nodes() tells), then its
// scheduler is stopped, without which no byte comes: so the read is under way, for sure, when
// somebody is killed. For six ranks, each a node, whose ends don't end the others.

namespace {

using namespace std::chrono_literals;
using mobula::object_ref;
using mobula::stopped_process;

using numbers = mobula::shared_array<std::uint64_t>;
using view = mobula::shared_array<const std::uint64_t>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::chrono::seconds patience = 180s;
#else
constexpr std::chrono::seconds patience = 60s;
#endif

constexpr std::size_t nodes_wanted = 6;
constexpr std::size_t count = (std::size_t{96} << 20) / sizeof(std::uint64_t);

numbers sequence(std::uint64_t from) {
  numbers made(count);
  std::iota(made.begin(), made.end(), from);
  return made;
}

std::string outcome_of(const object_ref<numbers>& ref) {
  try {
    const view all = mobula::get(ref, patience);
    for (std::size_t i = 0; i < all.size(); ++i)
      if (all[i] != all[0] + i) return "wrong bytes";
    return all.size() == count ? "right" : "wrong size";
  } catch (const mobula::object_lost&) {
    return "object_lost";
  } catch (const mobula::owner_died&) {
    return "owner_died";
  } catch (const mobula::error& other) {
    return other.what();
  }
}

struct resident {
  int node() { return static_cast<int>(mobula::context().node); }
  int process() { return ::getpid(); }
  int scheduler() { return ::getppid(); }  // a node of one rank has no other seat
  numbers make(std::uint64_t from) { return sequence(from); }
  std::vector<object_ref<numbers>> own(std::uint64_t from) { return {mobula::put(sequence(from))}; }
  std::string read(std::vector<object_ref<numbers>> one) { return outcome_of(one.front()); }
  std::uint64_t hold(std::vector<object_ref<numbers>> one) {
    held = mobula::get(one.front(), patience);
    return held[0];
  }
  std::uint64_t let_go() { return std::exchange(held, {}).size(); }
  view held;
};
using resident_handle = mobula::actor_handle<resident>;

template <class T>
auto got(const object_ref<T>& ref) {
  return mobula::get(ref, patience);
}

/// A read that has begun and can't end: its answer, from whom it comes, and what holds that up.
struct stuck_read {
  object_ref<std::string> answer;
  int holder = 0;
  std::unique_ptr<stopped_process> stopped;
};

class FetchDeaths : public testing::Test {
 protected:
  // Two actors on each node that lives.
  void SetUp() override {
    ASSERT_EQ(mobula::nodes(patience).size(), nodes_wanted)
        << "start it as six ranks with MOBULA_RANKS_PER_NODE=1";
    std::size_t living = 0;
    for (const auto& node : mobula::nodes(patience)) living += node.alive ? 1 : 0;
    for (std::size_t i = 0; i < 2 * living; ++i) {
      const auto one = mobula::actor<resident>.with({.cpus = 1})();
      const int node = got(one.call<&resident::node>());
      schedulers_[node] = node == 0 ? 0 : got(one.call<&resident::scheduler>());
      at_[node].push_back(one);
    }
    for (const auto& [node, pair] : at_) ASSERT_EQ(pair.size(), 2U) << "on node " << node;
  }
  void TearDown() override {
    at_.clear();
    EXPECT_TRUE(mobula::holds_within(patience, [] {
      for (const auto& node : mobula::nodes(patience))
        if (node.alive && (node.store_objects != 0 || node.store_used_bytes != 0)) return false;
      return true;
    })) << "objects, or memory, are left";
  }

  /// Of the nodes that live and are not the driver's, the one so many before the last.
  int node(int before_last) const { return std::next(at_.rbegin(), before_last)->first; }
  resident_handle& one_at(int node) { return at_.at(node)[0]; }
  resident_handle& other_at(int node) { return at_.at(node)[1]; }

  /// @param stopped  the node whose scheduler is stopped; nothing: the holder's
  stuck_read begin_read(const object_ref<numbers>& object, resident_handle& reader,
                        std::optional<int> stopped = std::nullopt) {
    stuck_read begun;
    const auto before = mobula::nodes(patience);
    begun.answer = reader.call<&resident::read>(std::vector{object});
    const bool has_begun = mobula::holds_within(patience, [&] {
      for (const auto& now : mobula::nodes(patience)) {
        begun.holder = static_cast<int>(now.node);
        if (now.store_reads != before[now.node].store_reads) return true;
      }
      return false;
    });
    EXPECT_TRUE(has_begun);
    begun.stopped =
        std::make_unique<stopped_process>(schedulers_.at(stopped.value_or(begun.holder)));
    return begun;
  }
  // A reader that has it all answers within that time, on a busy machine too.
  static bool is_under_way(const stuck_read& one) {
    return mobula::wait(std::vector{one.answer}, {.timeout = 2s}).ready.empty();
  }
  /// One of an object that `make` makes: again if it was read before anybody could be stopped.
  template <class Make>
  stuck_read stick(Make make, resident_handle& reader, std::optional<int> stopped = std::nullopt) {
    for (int tries = 0; tries < 100; ++tries) {
      const object_ref<numbers> object = make();
      stuck_read begun = begin_read(object, reader, stopped);
      if (is_under_way(begun)) {
        object_ = object;
        return begun;
      }
      begun.stopped.reset();
      EXPECT_EQ(got(begun.answer), "right");
    }
    ADD_FAILURE() << "a read is always over before it can be stopped";
    return {};
  }
  auto made_on(int node) {
    return [this, node] {
      auto made = one_at(node).call<&resident::make>(std::uint64_t{7});
      EXPECT_EQ(mobula::wait(std::vector{made}, {.timeout = patience}).ready.size(), 1U);
      return made;
    };
  }
  void kill_node(int node) {
    ::kill(schedulers_.at(node), SIGKILL);
    EXPECT_TRUE(mobula::holds_within(
        patience, [&] { return !mobula::nodes(patience)[static_cast<std::size_t>(node)].alive; }));
  }

  std::map<int, std::vector<resident_handle>> at_;  // by node
  std::map<int, int> schedulers_;
  object_ref<numbers> object_;  // that is being read
};

TEST_F(FetchDeaths, OfWhoReadsLeavesNothing) {
  const int reader = node(0);
  const int victim = got(one_at(reader).call<&resident::process>());
  {
    const stuck_read begun = stick(made_on(node(1)), one_at(reader));
    ::kill(victim, SIGKILL);
    EXPECT_THROW(got(begun.answer), mobula::actor_died);
  }
  EXPECT_EQ(got(other_at(reader).call<&resident::read>(std::vector{object_})), "right");
  object_ = {};
}

TEST_F(FetchDeaths, OfTheOwnerIsTheReadersError) {
  const int there = node(1);
  const int victim = got(other_at(there).call<&resident::process>());
  const auto owned = [&] {
    return got(other_at(there).call<&resident::own>(std::uint64_t{7})).front();
  };
  stuck_read begun = stick(owned, one_at(node(0)));
  ::kill(victim, SIGKILL);
  begun.stopped.reset();
  EXPECT_EQ(got(begun.answer), "owner_died");
  EXPECT_EQ(outcome_of(object_), "owner_died");
  object_ = {};
  // The same two nodes read on.
  const auto another = made_on(there)();
  EXPECT_EQ(got(one_at(node(0)).call<&resident::read>(std::vector{another})), "right");
}

TEST_F(FetchDeaths, OfTheOwnerLeavesAViewToWhoHasIt) {
  resident_handle& maker = other_at(node(1));
  resident_handle& reader = one_at(node(0));
  const int victim = got(maker.call<&resident::process>());
  object_ = got(maker.call<&resident::own>(std::uint64_t{7})).front();
  EXPECT_EQ(got(reader.call<&resident::hold>(std::vector{object_})), 7U);
  ::kill(victim, SIGKILL);
  EXPECT_THROW(got(maker.call<&resident::node>()), mobula::actor_died);
  EXPECT_EQ(outcome_of(object_), "owner_died");
  object_ = {};
  EXPECT_EQ(got(reader.call<&resident::let_go>()), count);
}

TEST_F(FetchDeaths, OfTheReadersNodeGivesItsPinsBack) {
  const int reader = node(0);
  {
    const stuck_read begun = stick(made_on(node(1)), one_at(reader), reader);
    kill_node(reader);
    EXPECT_THROW(got(begun.answer), mobula::actor_died);
  }
  at_.erase(reader);
  EXPECT_EQ(got(other_at(node(1)).call<&resident::read>(std::vector{object_})), "right");
  object_ = {};
}

TEST_F(FetchDeaths, OfAHoldersNodeMakesAnotherServe) {
  const auto on_two_nodes = [&] {
    const auto made = made_on(node(1))();
    EXPECT_EQ(got(one_at(node(2)).call<&resident::read>(std::vector{made})), "right");
    return made;
  };
  const stuck_read begun = stick(on_two_nodes, one_at(node(0)));
  kill_node(begun.holder);
  EXPECT_EQ(got(begun.answer), "right");
  at_.erase(begun.holder);
  EXPECT_EQ(outcome_of(object_), "right");
  object_ = {};
}

TEST_F(FetchDeaths, OfTheOnlyHoldersNodeIsTheLossOfTheObject) {
  const stuck_read begun = stick(made_on(node(1)), one_at(node(0)));
  ASSERT_EQ(begun.holder, node(1));
  kill_node(begun.holder);
  EXPECT_EQ(got(begun.answer), "object_lost");
  EXPECT_EQ(outcome_of(object_), "object_lost");
  object_ = {};
  at_.erase(begun.holder);
}

}  // namespace

int main(int argc, char** argv) {
  mobula::runtime runtime(argc, argv, {.cpus = 2, .store_bytes = 512 << 20});
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
