// Placement groups made, used and removed at random on many nodes, beside other work, while owners
// die, with messages delivered in any order that a transport may choose. All bundles of a group or
// none; where its strategy says; nobody waits for ever; at the end nothing is left.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/random_network.hpp"
#include "core/scheduler.hpp"
#include "core/sent_messages.hpp"
#include "seed.hpp"
#include "wire/codec.hpp"

namespace mobula::core {
namespace {

using wire::group_id;

constexpr std::int64_t unit = wire::resource_amounts::unit;

class group_job : public worker_starter {
 public:
  group_job(std::uint64_t seed, std::size_t node_count) : random_{seed} {
    std::vector<node_totals> nodes(node_count);
    for (auto& node : nodes) {
      wire::resource_amounts total;
      total.cpus = static_cast<std::int64_t>(1 + random_() % 4) * unit;
      total.gpus = static_cast<std::int64_t>(random_() % 3) * unit;
      node.seats = {total};
    }
    totals_ = nodes;
    scheduler_limits limits{.seed = seed};
    limits.groups.gather_after_ns = 2'000'000;
    limits.groups.gather_for_ns = 8'000'000;
    for (std::size_t i = 0; i < node_count; ++i) {
      const auto node = static_cast<wire::node_id>(i);
      ports_.push_back(
          std::make_unique<random_network::port>(net_, process_id::scheduler_of(node)));
      schedulers_.push_back(
          std::make_unique<scheduler>(node, nodes, *this, *ports_.back(), limits));
      for (std::uint32_t k = 0; k < 3; ++k) owners_.push_back({node, 1'000'000 + k});
    }
  }

  void start_worker(process_id process, const process_set&) override {
    starting_.push_back(process);
  }
  void end_worker(process_id process) override { ending_.push_back(process); }

  /// Makes groups and requests until `events` have happened and all of it is over.
  void run(int events, bool deaths) {
    deaths_ = deaths;
    for (int step = 0; events > 0 || !is_over(); ++step) {
      ASSERT_LT(step, 400'000) << state();
      if (events > 0 && random_() % 8 == 0) {
        something_new();
        --events;
      }
      for (int i = 0; i < 4; ++i) deliver_one();
      join_one();
      end_one();
      use_one();
      remove_one(events == 0);
      now_ns_ += 20'000;
      for (auto& one : schedulers_)
        if (one->next_deadline_ns() <= now_ns_) one->tick(now_ns_);
    }
    for (auto& one : schedulers_) {
      EXPECT_EQ(one->books().free(), one->books().total());
      EXPECT_EQ(one->waiting_count(), 0U);
      EXPECT_EQ(one->lease_count(), 0U);
      EXPECT_EQ(one->group_count(), 0U);
      EXPECT_EQ(one->dropped(), 0U);
    }
  }
  std::size_t groups_ready() const { return ready_; }
  std::size_t granted_in_groups() const { return granted_in_groups_; }
  std::size_t failed() const { return failed_; }

 private:
  struct made_group {
    wire::group_strategy how = wire::group_strategy::pack;
    std::vector<wire::resource_amounts> bundles;
    bool answered = false;
    bool removing = false;
    int steps_left = 0;
  };
  struct use {
    wire::lease_id lease;
    process_id worker;
    process_id owner;
    group_id group;
    int steps_left = 0;
    bool lent = false;
    bool claiming = false;
  };
  struct want {
    process_id owner;
    group_id group;
    std::uint32_t count = 0;
  };

  template <class Message>
  void send(process_id from, process_id to, const Message& message) {
    random_network::port out{net_, from};
    wire::send(out, to, message);
  }

  bool is_over() const {
    return wanted_.empty() && uses_.empty() && groups_.empty() && ending_.empty() && !busy_ &&
           std::ranges::all_of(schedulers_,
                               [](const auto& one) { return one->lease_count() == 0; });
  }
  std::string state() const {
    std::string text = std::to_string(wanted_.size()) + " requests wait, " +
                       std::to_string(groups_.size()) + " groups are there, " +
                       std::to_string(uses_.size()) + " leases";
    for (const auto& [id, one] : groups_) {
      text += "\ngroup " + std::to_string(id.sequence()) + " of " +
              std::to_string(one.bundles.size()) + " bundles, strategy " +
              std::to_string(static_cast<int>(one.how)) + (one.answered ? ", answered" : "") +
              (one.removing ? ", being removed" : "");
      for (const auto& amounts : one.bundles) text += " " + to_text(amounts);
    }
    for (const use& one : uses_)
      text += "\nlease " + std::to_string(one.lease.number) + (one.lent ? ", lent" : "") +
              (one.claiming ? ", claimed" : "") +
              (dead_.contains(one.owner) ? ", of a dead one" : "") +
              (dead_.contains(one.worker) ? ", of a dead worker" : "") +
              (one.group ? ", in a group" : "");
    text += "\n" + std::to_string(starting_.size()) + " processes start, " +
            std::to_string(ending_.size()) + " end";
    for (const auto& one : schedulers_)
      text += "\ntotal " + to_text(one->books().total()) + " free cpus " +
              std::to_string(one->books().free().cpus) + " waiting " +
              std::to_string(one->waiting_count()) + " leases " +
              std::to_string(one->lease_count()) + " groups " + std::to_string(one->group_count());
    return text;
  }

  wire::resource_amounts some_amounts() {
    wire::resource_amounts amounts;
    amounts.cpus = static_cast<std::int64_t>(1 + random_() % 4) * unit / 2;
    if (random_() % 4 == 0) amounts.gpus = unit / 2;
    return amounts;
  }

  void something_new() {
    const std::uint64_t what = random_() % 16;
    if (what < 4) {
      make_group();
    } else if (what < 12 && !groups_.empty()) {
      ask_in_group();
    } else if (what == 15 && deaths_ && owners_.size() > 2) {
      kill_owner();
    } else {
      ask(some_amounts(), {});
    }
  }

  void make_group() {
    const process_id owner = owners_[random_() % owners_.size()];
    wire::group_create asked;
    asked.group = group_id{owner, ++last_sequence_};
    asked.ready = {owner, last_sequence_};
    asked.strategy = static_cast<wire::group_strategy>(1 + random_() % 4);
    for (std::uint64_t i = 0; i <= random_() % 4; ++i) asked.bundles.push_back(some_amounts());
    groups_[asked.group] = {asked.strategy, asked.bundles, false, false,
                            static_cast<int>(random_() % 300)};
    send(owner, process_id::scheduler_of(0), asked);
  }

  void ask_in_group() {
    auto at = groups_.begin();
    std::advance(at, random_() % groups_.size());
    wire::placement where;
    where.how = wire::placement_kind::group;
    where.group = at->first;
    const std::size_t bundle = random_() % at->second.bundles.size();
    wire::resource_amounts demand = at->second.bundles[bundle];
    if (random_() % 2 == 0) demand.cpus = std::max<std::int64_t>(unit / 4, demand.cpus / 2);
    if (random_() % 2 == 0) where.bundle = static_cast<std::uint32_t>(bundle);
    ask(demand, where);
  }

  void ask(const wire::resource_amounts& demand, const wire::placement& where) {
    wire::lease_request request;
    request.owner = owners_[random_() % owners_.size()];
    request.request = ++last_request_;
    request.count = static_cast<std::uint32_t>(1 + random_() % 3);
    request.demand = request.held = demand;
    request.where = where;
    if (random_() % 6 == 0) {
      request.kind = wire::lease_kind::actor;
      request.count = 1;
    }
    if (where.how == wire::placement_kind::automatic && random_() % 3 == 0)
      request.where.how = wire::placement_kind::spread;
    wanted_[last_request_] = {request.owner, where.group, request.count};
    send(request.owner, process_id::scheduler_of(request.owner.node()), request);
  }

  void kill_owner() {
    const std::size_t which = random_() % owners_.size();
    const process_id dead = owners_[which];
    owners_.erase(owners_.begin() + static_cast<std::ptrdiff_t>(which));
    schedulers_[dead.node()]->process_ended(dead);
    std::erase_if(wanted_, [&](const auto& one) { return one.second.owner == dead; });
    std::erase_if(groups_, [&](const auto& one) { return one.first.owner() == dead; });
    dead_.insert(dead);
    // Who hears of a lease too late will not hear either that its worker has ended meanwhile.
    std::erase_if(uses_,
                  [&](const use& one) { return one.owner == dead && dead_.contains(one.worker); });
    for (use& one : uses_)
      if (one.owner == dead) one.steps_left = 0;
  }

  bool deliver_one() {
    process_id from, to;
    std::vector<std::byte> bytes;
    busy_ = net_.take(random_, from, to, bytes);
    if (!busy_) return false;
    if (to.is_scheduler()) {
      schedulers_[to.node()]->on_message(from, bytes);
    } else if (!dead_.contains(to)) {
      to_owner_or_worker(to, bytes);
    }
    return true;
  }

  void to_owner_or_worker(process_id to, const std::vector<std::byte>& bytes) {
    if (const auto grant = wire::decode<wire::lease_grant>(bytes)) {
      const auto at = wanted_.find(grant->request);
      ASSERT_NE(at, wanted_.end());
      uses_.push_back(
          {grant->lease, grant->worker, to, at->second.group, static_cast<int>(random_() % 20)});
      granted_in_groups_ += static_cast<bool>(at->second.group);
      fulfilled(grant->request, 1);
    } else if (const auto refusal = wire::decode<wire::lease_refuse>(bytes)) {
      fulfilled(refusal->request, refusal->count);
    } else if (const auto recall = wire::decode<wire::lease_recall>(bytes)) {
      for (use& one : uses_)
        if (one.lease == recall->lease && !one.lent) one.steps_left = 0;
    } else if (const auto again = wire::decode<wire::cpus_grant>(bytes)) {
      for (use& one : uses_)
        if (one.lease == again->lease) one.lent = one.claiming = false;
    } else if (const auto lost = wire::decode<wire::lease_lost>(bytes)) {
      std::erase_if(uses_, [&](const use& one) { return one.lease == lost->lease; });
    } else if (const auto news = wire::decode<wire::group_ready>(bytes)) {
      group_answered(*news);
    } else if (const auto over = wire::decode<wire::lease_revoke>(bytes)) {
      std::erase_if(uses_, [&](const use& one) { return one.lease == over->lease; });
      send(to, over->lease.granter, wire::lease_over{over->lease});
    } else if (const auto removed = wire::decode<wire::group_removed>(bytes)) {
      EXPECT_TRUE(removed->was_there);
    }
  }

  void fulfilled(std::uint64_t request, std::uint32_t count) {
    const auto at = wanted_.find(request);
    ASSERT_NE(at, wanted_.end());
    ASSERT_GE(at->second.count, count) << "more was answered than asked for";
    at->second.count -= count;
    if (at->second.count == 0) wanted_.erase(at);
  }

  void group_answered(const wire::group_ready& news) {
    const auto at = groups_.find(group_id{news.ready.owner(), news.ready.sequence()});
    if (at == groups_.end()) return;
    EXPECT_FALSE(at->second.answered) << "a group is answered once";
    at->second.answered = true;
    if (news.nodes.empty()) {
      ++failed_;
      EXPECT_FALSE(news.error.empty());
      if (!at->second.removing) groups_.erase(at);
      return;
    }
    ++ready_;
    const std::set<wire::node_id> distinct(news.nodes.begin(), news.nodes.end());
    ASSERT_EQ(news.nodes.size(), at->second.bundles.size());
    if (at->second.how == wire::group_strategy::strict_pack) {
      EXPECT_EQ(distinct.size(), 1U);
    }
    if (at->second.how == wire::group_strategy::strict_spread) {
      EXPECT_EQ(distinct.size(), news.nodes.size());
    }
  }

  void join_one() {
    if (starting_.empty() || random_() % 3 != 0) return;
    const process_id process = starting_.front();
    starting_.pop_front();
    schedulers_[process.node()]->worker_joined(process);
  }
  void end_one() {
    if (ending_.empty() || random_() % 3 != 0) return;
    const process_id process = ending_.front();
    ending_.pop_front();
    std::erase(starting_, process);
    dead_.insert(process);
    std::erase_if(uses_, [&](const use& one) { return one.worker == process; });
    schedulers_[process.node()]->worker_ended(process, "killed by signal 9", {});
  }

  void use_one() {
    if (uses_.empty()) return;
    const std::size_t which = random_() % uses_.size();
    use& one = uses_[which];
    if (one.claiming) return;
    if (one.lent) {
      if (random_() % 4 != 0) return;
      one.claiming = true;
      return send(one.worker, one.lease.granter, wire::cpus_claim{one.lease});
    }
    if (one.steps_left-- > 0) {
      if (random_() % 6 != 0) return;
      one.lent = true;
      return send(one.worker, one.lease.granter, wire::cpus_lend{one.lease});
    }
    if (!dead_.contains(one.owner))
      send(one.owner, one.lease.granter, wire::lease_return{one.lease});
    uses_.erase(uses_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  // Groups live for a while; when nothing else is to come, until nobody wants anything in them.
  void remove_one(bool at_the_end) {
    for (auto at = groups_.begin(); at != groups_.end(); ++at) {
      made_group& one = at->second;
      if (one.removing && one.answered) {
        groups_.erase(at);
        return;
      }
      const bool may_go = one.answered || (!at_the_end && random_() % 4000 == 0);
      if (one.removing || !may_go || one.steps_left-- > 0) continue;
      one.removing = true;
      send(at->first.owner(), process_id::scheduler_of(0), wire::group_remove{1, at->first});
      return;
    }
  }

  std::mt19937_64 random_;
  random_network net_;
  std::vector<node_totals> totals_;
  std::vector<std::unique_ptr<random_network::port>> ports_;
  std::vector<std::unique_ptr<scheduler>> schedulers_;
  std::vector<process_id> owners_;
  std::set<process_id> dead_;
  std::deque<process_id> starting_, ending_;
  std::vector<use> uses_;
  std::map<std::uint64_t, want> wanted_;
  std::map<group_id, made_group> groups_;
  std::uint64_t last_request_ = 0, last_sequence_ = 0;
  std::uint64_t now_ns_ = 1;
  std::size_t ready_ = 0, failed_ = 0, granted_in_groups_ = 0;
  bool busy_ = false;
  bool deaths_ = false;
};

void run_seeds(std::uint64_t count, bool deaths) {
  const std::uint64_t first = first_seed();
  std::size_t ready = 0, failed = 0, in_groups = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("TEST_SEED=" + std::to_string(seed));
    group_job one{seed, static_cast<std::size_t>(1 + seed % 6)};
    one.run(80, deaths);
    ready += one.groups_ready();
    failed += one.failed();
    in_groups += one.granted_in_groups();
    if (testing::Test::HasFailure()) return;
  }
  // All of it has been tried.
  EXPECT_GT(ready, count);
  EXPECT_GT(failed, 0U);
  EXPECT_GT(in_groups, count);
}

TEST(SchedulerGroupsRandom, AllBundlesOrNoneWhateverTheOrderOfMessages) { run_seeds(200, false); }

TEST(SchedulerGroupsRandom, OwnersDieInTheMiddle) { run_seeds(200, true); }

TEST(SchedulerGroupsRandom, FiftyNodes) {
  SCOPED_TRACE("TEST_SEED=" + std::to_string(first_seed()));
  group_job one{first_seed(), 50};
  one.run(600, true);
  EXPECT_GT(one.groups_ready(), 50U);
}

}  // namespace
}  // namespace mobula::core
