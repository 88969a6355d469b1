// Nodes that fall silent: a crashed host, a cut cable or a frozen machine breaks no link.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iostream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/membership.hpp"
#include "seed.hpp"
#include "simulation/alarm.hpp"
#include "transport/sim/network.hpp"
#include "wire/codec.hpp"
#include "wire/messages.hpp"
#include "wire/receiver.hpp"

namespace mobula::sim {
namespace {

using wire::node_id;
using wire::process_id;

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t silence = 20 * second;
// From the moment that a node falls silent: its watcher waits, then the driver's node; each looks a
// beat and a half apart.
constexpr std::uint64_t noticed_within = silence + 5 * silence / core::membership::beats;
constexpr std::uint64_t lost_within = 3 * silence / 2 + 3 * silence / core::membership::beats;

/// Nodes that do nothing but watch each other.
class camp final {
 public:
  explicit camp(std::size_t nodes, std::uint64_t silence_ns = silence)
      : silence_ns_{silence_ns}, net_{time_, first_seed()} {
    for (std::size_t i = 0; i < nodes; ++i)
      members_.push_back(std::make_unique<member>(*this, static_cast<node_id>(i), nodes));
    for (const auto& one : members_) one->tick();
  }

  void run(std::uint64_t for_ns) {
    const std::uint64_t until = time_.now_ns() + for_ns;
    bool is_over = false;
    time_.at(until, [&] { is_over = true; });
    while (!is_over && time_.step()) {
    }
  }
  /// Nobody hears of it.
  void crash(node_id node) {
    cut_off(node);
    net_.kill(process_id::scheduler_of(node));
    members_[node]->crashed = true;
  }
  void cut_off(node_id node) {
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (i != node) net_.cut(node, static_cast<node_id>(i));
  }
  void mend(node_id node) {
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (i != node) net_.mend(node, static_cast<node_id>(i));
  }
  void freeze(node_id node) { members_[node]->frozen = true; }
  void thaw(node_id node) { members_[node]->thaw(); }

  network& net() { return net_; }
  timeline& time() { return time_; }
  std::size_t nodes() const { return members_.size(); }
  /// Those that node 0 has declared dead, in order.
  const std::vector<node_id>& declared() const { return declared_; }
  std::set<node_id> declared_set() const { return {declared_.begin(), declared_.end()}; }
  /// Those that have lost the driver.
  const std::set<node_id>& lost() const { return lost_; }
  std::uint64_t messages() const { return messages_; }
  std::uint64_t messages_at(node_id node) const { return members_[node]->messages; }

 private:
  struct member final : wire::receiver {
    member(camp& home, node_id id, std::size_t nodes)
        : where{home},
          self{id},
          out{home.net_.join(process_id::scheduler_of(id), *this)},
          one{id, nodes, out, {home.silence_ns_}} {
      one.on_death = [this](node_id dead) { declare(dead); };
      one.on_driver_lost = [this] {
        if (!where.lost_.insert(self).second) ADD_FAILURE() << self << " lost it twice";
      };
    }
    void declare(node_id dead) {
      EXPECT_EQ(self, 0);
      where.declared_.push_back(dead);
      for (const auto& other : where.members_) {
        if (other->self == self || other->self == dead) continue;
        wire::send(out, process_id::scheduler_of(other->self),
                   wire::process_ended{{process_id::scheduler_of(dead)}});
      }
    }
    void on_message(process_id from, wire::blob message) override {
      if (frozen) return kept.push_back({from, {message.begin(), message.end()}});
      ++messages;
      ++where.messages_;
      one.tick(where.time_.now_ns());
      if (one.on_message(from, message)) return plan_tick();
      const auto news = wire::decode<wire::process_ended>(message);
      ASSERT_TRUE(news);
      for (const process_id dead : news->processes) one.died(dead.node());
      plan_tick();
    }
    void on_closed(process_id) override {}
    void plan_tick() { ticks.set(one.next_deadline_ns()); }
    void tick() {
      if (frozen || crashed) return;
      one.tick(where.time_.now_ns());
      plan_tick();
    }
    void thaw() {
      frozen = false;
      tick();
      for (auto& [from, bytes] : std::exchange(kept, {})) on_message(from, bytes);
    }

    camp& where;
    node_id self;
    wire::outbox& out;
    core::membership one;
    alarm ticks{where.time_, [this] { tick(); }};
    std::uint64_t messages = 0;
    bool frozen = false;
    bool crashed = false;
    std::deque<std::pair<process_id, std::vector<std::byte>>> kept;
  };

  std::uint64_t silence_ns_;
  timeline time_;
  network net_;
  std::vector<std::unique_ptr<member>> members_;
  std::vector<node_id> declared_;
  std::set<node_id> lost_;
  std::uint64_t messages_ = 0;
};

TEST(Membership, TheSilentAreDeclaredDeadAndNobodyElse) {
  for (const std::size_t nodes : {2U, 3U, 4U, 10U, 200U}) {
    for (std::uint64_t seed = first_seed(); seed < first_seed() + 20; ++seed) {
      std::mt19937_64 random{seed};
      camp it{nodes};
      it.run(random() % (3 * second));
      std::set<node_id> crashed;
      const std::size_t count = 1 + random() % std::min<std::size_t>(nodes - 1, 20);
      while (crashed.size() < count) {
        const auto one = static_cast<node_id>(1 + random() % (nodes - 1));
        if (crashed.insert(one).second) it.crash(one);
        it.run(random() % second);
      }
      // Who watches may have crashed too: then somebody else does, from when that is declared.
      it.run(8 * noticed_within);
      EXPECT_EQ(it.declared_set(), crashed) << nodes << " nodes, seed " << seed;
      EXPECT_EQ(it.declared().size(), crashed.size());
      EXPECT_TRUE(std::ranges::includes(crashed, it.lost())) << nodes << " nodes, seed " << seed;
    }
  }
}

TEST(Membership, ARowOfAHundredThatCrashesIsNoticedAtOnce) {
  camp it{1'000};
  it.run(5 * second);
  std::set<node_id> crashed;
  for (node_id one = 300; one < 400; ++one) it.crash(one), crashed.insert(one);
  it.run(noticed_within);
  EXPECT_EQ(it.declared_set(), crashed);
  EXPECT_TRUE(it.lost().empty());
}

TEST(Membership, WhoStandsStillForAWhileIsNotDead) {
  for (const std::size_t nodes : {2U, 5U, 50U}) {
    camp it{nodes};
    for (std::size_t i = 0; i < std::min<std::size_t>(nodes, 6); ++i) {
      const auto one = static_cast<node_id>(i);
      it.freeze(one);
      it.run(silence / 2 - 2 * silence / core::membership::beats);
      it.thaw(one);
      it.run(5 * second);
    }
    EXPECT_TRUE(it.declared().empty()) << it.declared().front() << " of " << nodes;
    EXPECT_TRUE(it.lost().empty());
  }
}

TEST(Membership, WhoAnswersInTheEndIsNotDead) {
  camp it{5};
  it.cut_off(2);
  it.run(silence - 3 * silence / core::membership::beats);
  it.mend(2);
  it.run(10 * silence);
  EXPECT_TRUE(it.declared().empty());
  EXPECT_TRUE(it.lost().empty());
  it.crash(2);  // that it was accused before is forgotten
  it.run(noticed_within);
  EXPECT_EQ(it.declared(), std::vector<node_id>{2});
}

TEST(Membership, AJobThatStoodStillGoesOn) {
  camp it{20};
  it.run(3 * second);
  for (node_id one = 0; one < 20; ++one) it.freeze(one);
  it.run(100 * silence);
  for (node_id one = 20; one-- > 0;) {
    it.thaw(one);
    it.run(second / 4);
  }
  it.run(3 * silence);
  EXPECT_TRUE(it.declared().empty());
  EXPECT_TRUE(it.lost().empty());
}

TEST(Membership, WhoWasFrozenForTooLongHasLostTheDriver) {
  camp it{5};
  it.freeze(3);
  it.run(noticed_within);
  EXPECT_EQ(it.declared(), std::vector<node_id>{3});
  // The others have cut their links to it.
  it.cut_off(3);
  it.thaw(3);
  it.run(lost_within);
  EXPECT_EQ(it.lost(), std::set<node_id>{3});
}

TEST(Membership, WithoutTheDriversNodeAllLoseTheDriver) {
  for (const std::size_t nodes : {2U, 3U, 50U, 500U}) {
    camp it{nodes};
    it.run(7 * second);
    EXPECT_TRUE(it.lost().empty());
    it.crash(0);
    it.run(lost_within);
    EXPECT_EQ(it.lost().size(), nodes - 1);
    EXPECT_TRUE(it.declared().empty());
  }
}

TEST(Membership, OfTwoHalvesThatAreCutTheDriversGoesOn) {
  camp it{20};
  it.run(second);
  for (node_id one = 0; one < 10; ++one)
    for (node_id other = 10; other < 20; ++other) it.net().cut(one, other);
  it.run(4 * noticed_within);
  std::set<node_id> other_half;
  for (node_id one = 10; one < 20; ++one) other_half.insert(one);
  EXPECT_EQ(it.declared_set(), other_half);
  EXPECT_EQ(it.lost(), other_half);
}

TEST(Membership, ACutLinkBetweenTwoWhoBothReachTheDriverCostsOneOfThem) {
  for (const std::size_t nodes : {3U, 4U, 30U}) {
    camp it{nodes};
    it.run(second);
    it.net().cut(1, 2);
    it.run(silence + 2 * second);
    EXPECT_TRUE(it.declared().empty()) << "the driver's node hears both";
    it.run(4 * silence);
    ASSERT_EQ(it.declared().size(), 1U) << nodes << " nodes";
    EXPECT_TRUE(it.declared().front() == 1 || it.declared().front() == 2);
    it.cut_off(it.declared().front());
    it.run(4 * silence);
    EXPECT_EQ(it.declared().size(), 1U) << "the other one goes on";
    EXPECT_EQ(it.lost(), it.declared_set());
  }
}

TEST(Membership, WhoReachesNobodyButTheDriverIsTheOneToGo) {
  for (const node_id nodes : {node_id{4}, node_id{5}, node_id{10}, node_id{30}}) {
    for (node_id alone = 1; alone < nodes; ++alone) {
      camp it{nodes};
      it.run(second);
      for (node_id other = 1; other < nodes; ++other)
        if (other != alone) it.net().cut(alone, other);
      it.run(6 * silence);
      EXPECT_EQ(it.declared(), std::vector{alone}) << nodes << " nodes";
    }
  }
}

TEST(Membership, WhoWatchesTheDriversNodeAndHearsItOnlyThroughOthersHasLostIt) {
  camp it{6};
  it.net().cut(0, 1);
  it.run(lost_within);
  EXPECT_EQ(it.lost(), std::set<node_id>{1});
  it.crash(1);  // for it ends itself
  it.run(noticed_within);
  EXPECT_EQ(it.declared(), std::vector<node_id>{1});
  EXPECT_EQ(it.lost().size(), 1U);
}

TEST(Membership, MessagesANodeDoNotGrowWithTheNodes) {
  for (const std::size_t nodes : {10U, 100U, 10'000U}) {
    camp it{nodes};
    it.run(10 * second);
    const std::uint64_t before = it.messages(), at_the_driver = it.messages_at(0);
    constexpr std::uint64_t seconds = 10;
    it.run(seconds * second);
    const double each =
        static_cast<double>(it.messages() - before) / static_cast<double>(nodes * seconds);
    std::cout << nodes << " nodes: " << each << " messages a node and second\n";
    EXPECT_LE(each, 3.5);
    EXPECT_GE(each, 2.5);
    EXPECT_LE(it.messages_at(0) - at_the_driver, 4 * seconds);
    EXPECT_TRUE(it.declared().empty());
  }
}

TEST(Membership, SaysNothingWhereItIsOff) {
  camp off{5, 0}, alone{1};
  for (camp* it : {&off, &alone}) {
    it->run(100 * second);
    EXPECT_EQ(it->messages(), 0U);
    EXPECT_TRUE(it->lost().empty());
  }
}

}  // namespace
}  // namespace mobula::sim
