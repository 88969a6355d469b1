// Many schedulers, owners that ask, hold, lend, claim and give back at random, messages that are
// delivered in any order that a transport may choose. Nobody may starve, no book may be off.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
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

using wire::process_id;

wire::resource_amounts some_demand(std::mt19937_64& random, std::int64_t smallest_cpus) {
  wire::resource_amounts amounts;
  amounts.cpus = static_cast<std::int64_t>(random() % 5) * smallest_cpus;
  if (random() % 5 == 0) amounts.gpus = 5'000;
  if (random() % 7 == 0) amounts.custom = {{"ssd", 10'000}};
  if (amounts == wire::resource_amounts{}) amounts.cpus = 10'000;
  return amounts;
}

/// A worker's lease, as its owner uses it for a random time.
struct use {
  wire::lease_id lease;
  process_id worker;
  process_id owner;
  enum class state : std::uint8_t { running, lent, claiming } now = state::running;
  int steps_left = 0;
};

class job : public worker_starter {
 public:
  /// @param whole_cpus  nobody asks for a part of one, so that each lease has cores of its own
  job(std::uint64_t seed, std::size_t node_count, bool whole_cpus = false)
      : random_{seed}, whole_cpus_{whole_cpus} {
    net_.on_sent_by_scheduler = [this](wire::blob message) { look_at_cores(message); };
    scheduler_limits limits{.seed = seed};
    // Each has a process of its own too: nobody goes on top of another.
    if (whole_cpus) limits.workers = limits.retiring_max = 1'000;
    std::vector<node_totals> nodes(node_count);
    for (auto& node : nodes) {
      wire::resource_amounts total;
      total.cpus = static_cast<std::int64_t>(1 + random_() % 4) * 10'000;
      total.gpus = static_cast<std::int64_t>(random_() % 2) * 10'000;
      if (random_() % 2 == 0) total.custom = {{"ssd", 10'000}};
      node.seats = {total};
      // Groups of two, two of these on a package; some nodes have more cpus than cores.
      const auto cores = static_cast<std::uint32_t>(total.cpus / 10'000);
      node.cores.resize(1);
      for (std::uint32_t i = 0; i < cores && random_() % 8 != 0; ++i)
        node.cores[0].push_back({i / 2, i / 4, i / 4, i % 2, {}});
    }
    for (std::size_t i = 0; i < node_count; ++i) {
      const auto node = static_cast<wire::node_id>(i);
      const process_id id = process_id::scheduler_of(node);
      ports_.push_back(std::make_unique<random_network::port>(net_, id));
      schedulers_.push_back(
          std::make_unique<scheduler>(node, nodes, *this, *ports_.back(), limits));
      for (std::uint32_t k = 0; k < 3; ++k) owners_.push_back({node, 1'000'000 + k});
    }
  }

  void start_worker(process_id process, const process_set& set) override {
    starting_.push_back(process);
    sets_[process] = set;
  }
  void end_worker(process_id) override {}

  /// Asks, uses and gives back until all that was asked for has been used.
  void run(int requests) {
    for (int step = 0; requests > 0 || !wanted_.empty() || !uses_.empty() || busy_; ++step) {
      ASSERT_LT(step, 400'000) << "no progress: " << wanted_.size() << " requests wait";
      if (requests > 0 && random_() % 8 == 0) {
        ask();
        --requests;
      }
      for (int i = 0; i < 4; ++i) deliver_one();
      join_one();
      use_one();
      now_ns_ += 20'000;
      for (auto& one : schedulers_) {
        if (one->next_deadline_ns() <= now_ns_) one->tick(now_ns_);
      }
    }
    while (deliver_one()) {
    }
    for (auto& one : schedulers_) {
      EXPECT_EQ(one->books().free(), one->books().total());
      EXPECT_EQ(one->waiting_count(), 0U);
      EXPECT_EQ(one->lease_count(), 0U);
      EXPECT_EQ(one->dropped(), 0U);
      const core_books& cores = one->books().cores_of(0);
      for (std::uint32_t core = 0; core < cores.size(); ++core)
        EXPECT_TRUE(cores.is_free({{core, 10'000}}));
    }
    EXPECT_EQ(shared_for_no_reason_, 0);
  }
  std::size_t granted() const { return granted_; }
  std::size_t refused() const { return refused_; }
  std::size_t asked() const { return asked_; }

 private:
  template <class Message>
  void send(process_id from, process_id to, const Message& message) {
    random_network::port out{net_, from};
    wire::send(out, to, message);
  }

  void ask() {
    wire::lease_request request;
    request.owner = owners_[random_() % owners_.size()];
    request.request = ++last_request_;
    request.count = 1 + random_() % 4;
    request.demand = request.held = some_demand(random_, whole_cpus_ ? 10'000 : 5'000);
    if (random_() % 6 == 0) {
      request.kind = wire::lease_kind::actor;
      request.count = 1;
      request.held.cpus = 0;
    }
    if (random_() % 4 == 0) {
      request.preferred = static_cast<wire::node_id>(random_() % schedulers_.size());
    }
    wanted_[last_request_] = request.count;
    asked_ += request.count;
    send(request.owner, process_id::scheduler_of(request.owner.node()), request);
  }

  bool deliver_one() {
    process_id from, to;
    std::vector<std::byte> bytes;
    busy_ = net_.take(random_, from, to, bytes);
    if (!busy_) return false;
    if (to.is_scheduler()) {
      // From now on its scheduler may give the cores to others.
      if (const auto lent = wire::decode<wire::cpus_lend>(bytes)) booked_.erase(lent->lease);
      if (const auto back = wire::decode<wire::lease_return>(bytes)) booked_.erase(back->lease);
      schedulers_[to.node()]->on_message(from, bytes);
    } else if (wire::decode<wire::worker_retire>(bytes)) {
      schedulers_[to.node()]->worker_ended(to, "has retired", {});
    } else if (const auto grant = wire::decode<wire::lease_grant>(bytes)) {
      ++granted_;
      fulfilled(grant->request, 1);
      uses_.push_back(
          {grant->lease, grant->worker, to, use::state::running, static_cast<int>(random_() % 20)});
    } else if (const auto refusal = wire::decode<wire::lease_refuse>(bytes)) {
      refused_ += refusal->count;
      fulfilled(refusal->request, refusal->count);
    } else if (const auto recall = wire::decode<wire::lease_recall>(bytes)) {
      for (use& one : uses_) {
        if (one.lease == recall->lease && one.now == use::state::running) one.steps_left = 0;
      }
    } else if (const auto again = wire::decode<wire::cpus_grant>(bytes)) {
      for (use& one : uses_) {
        if (one.lease == again->lease) one.now = use::state::running;
      }
    }
    return true;
  }
  /// A lease begins with cores that nobody has; only who takes lent ones back may share them.
  void look_at_cores(wire::blob message) {
    if (const auto grant = wire::decode<wire::lease_grant>(message)) {
      workers_[grant->lease] = grant->worker;
      const process_set& mine = sets_.at(grant->worker);
      for (const auto& [other, has_claimed] : booked_) {
        if (!whole_cpus_ || has_claimed || other.granter != grant->lease.granter) continue;
        const process_set& theirs = sets_.at(workers_.at(other));
        for (const core_share& one : mine.cores)
          shared_for_no_reason_ += std::ranges::count(theirs.cores, one) != 0 ? 1 : 0;
      }
      booked_[grant->lease] = false;
    } else if (const auto again = wire::decode<wire::cpus_grant>(message)) {
      if (workers_.contains(again->lease)) booked_[again->lease] = true;
    }
  }
  void fulfilled(std::uint64_t request, std::uint32_t count) {
    const auto at = wanted_.find(request);
    ASSERT_NE(at, wanted_.end());
    ASSERT_GE(at->second, count) << "more was granted than asked for";
    at->second -= count;
    if (at->second == 0) wanted_.erase(at);
  }
  void join_one() {
    if (starting_.empty() || random_() % 3 != 0) return;
    const process_id process = starting_.front();
    starting_.pop_front();
    schedulers_[process.node()]->worker_joined(process);
  }
  void use_one() {
    if (uses_.empty()) return;
    const std::size_t which = random_() % uses_.size();
    use& one = uses_[which];
    switch (one.now) {
      case use::state::lent:
        if (random_() % 4 != 0) return;
        send(one.worker, one.lease.granter, wire::cpus_claim{one.lease});
        one.now = use::state::claiming;
        return;
      case use::state::claiming:
        return;
      case use::state::running:
        break;
    }
    if (one.steps_left-- > 0) {
      if (random_() % 6 != 0) return;
      send(one.worker, one.lease.granter, wire::cpus_lend{one.lease});
      one.now = use::state::lent;
      return;
    }
    send(one.owner, one.lease.granter, wire::lease_return{one.lease});
    uses_.erase(uses_.begin() + static_cast<std::ptrdiff_t>(which));
  }

  std::mt19937_64 random_;
  bool whole_cpus_;
  random_network net_;
  std::vector<std::unique_ptr<random_network::port>> ports_;
  std::vector<std::unique_ptr<scheduler>> schedulers_;
  std::vector<process_id> owners_;
  std::deque<process_id> starting_;
  std::map<process_id, process_set> sets_;
  std::map<wire::lease_id, process_id> workers_;
  std::map<wire::lease_id, bool> booked_;  // leases that hold cpus; whether they have claimed them
  int shared_for_no_reason_ = 0;
  std::vector<use> uses_;
  std::map<std::uint64_t, std::uint32_t> wanted_;
  std::uint64_t last_request_ = 0;
  std::uint64_t now_ns_ = 1;
  std::size_t asked_ = 0, granted_ = 0, refused_ = 0;
  bool busy_ = false;
};

TEST(SchedulerRandom, GivesEverybodyWhatWasAskedForWhateverTheOrderOfMessages) {
  const std::uint64_t first = first_seed();
  for (std::uint64_t seed = first; seed < first + 200; ++seed) {
    SCOPED_TRACE("TEST_SEED=" + std::to_string(seed));
    job one{seed, 1 + seed % 5};
    one.run(60);
    EXPECT_EQ(one.granted() + one.refused(), one.asked());
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SchedulerRandom, WholeCpusAreCoresOfOneLeaseUntilSomebodyClaimsThemBack) {
  const std::uint64_t first = first_seed();
  for (std::uint64_t seed = first; seed < first + 200; ++seed) {
    SCOPED_TRACE("TEST_SEED=" + std::to_string(seed));
    job one{seed, 1 + seed % 3, true};
    one.run(60);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SchedulerRandom, AHundredNodesShareTheWork) {
  SCOPED_TRACE("TEST_SEED=" + std::to_string(first_seed()));
  job one{first_seed(), 100};
  one.run(600);
  EXPECT_EQ(one.granted() + one.refused(), one.asked());
}

}  // namespace
}  // namespace mobula::core
