// Goal: one object goes to n nodes that ask at the same moment over a tree at most ceil(log2 n) + 1
// deep, and nobody serves more than ceil(log2 n) others. Method: the directories of all nodes, and
// what carries messages and RMA between them, in virtual time; every read notes from whom.

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/directory.hpp"
#include "core/memory_block_store.hpp"
#include "core/memory_of_others.hpp"
#include "seed.hpp"
#include "transport/sim/network.hpp"
#include "wire/codec.hpp"

namespace mobula::sim {
namespace {

using wire::location;
using wire::object_id;
using wire::process_id;

enum class way { whole, messages, rma };

constexpr std::uint64_t object_bytes = 1000;

class broadcast {
 public:
  broadcast(std::uint64_t seed, std::uint32_t readers, way how)
      : random_{seed}, how_{how}, net_{time_, seed + 1} {
    for (wire::node_id n = 0; n <= readers; ++n) {
      sites_.push_back(std::make_unique<site>(*this, n, readers + 1));
      asker_outs_.push_back(&net_.join({n, 1}, *sites_[n]));
    }
    make_object();
  }

  /// All ask within so long, and get it, those that end meanwhile excepted.
  void run(std::uint64_t within_ns) {
    for (wire::node_id n = 1; n < sites_.size(); ++n) {
      time_.after(within_ns == 0 ? 0 : random_() % within_ns, [this, n] {
        wire::send(*asker_outs_[n], process_id::scheduler_of(n),
                   wire::store_fetch{n, object_, where_});
      });
    }
    while (time_.step() && !testing::Test::HasFailure()) {
    }
    for (wire::node_id n = 1; n < sites_.size(); ++n)
      EXPECT_TRUE(sites_[n]->here || dead_.contains(n)) << "node " << n;
  }
  /// A node ends, without a word, at that time.
  void kill(wire::node_id node, std::uint64_t when_ns) {
    time_.at(when_ns, [this, node] {
      dead_.insert(node);
      net_.kill(process_id::scheduler_of(node));
      net_.kill({node, 1});
      for (wire::node_id n = 0; n < sites_.size(); ++n)
        if (!dead_.contains(n))
          net_.told_of_end(process_id::scheduler_of(n), process_id::scheduler_of(node));
    });
  }
  std::size_t depth() {
    std::size_t deepest = 0;
    for (wire::node_id n = 1; n < sites_.size(); ++n) {
      std::size_t steps = 0;
      for (wire::node_id at = n; at != 0 && steps <= sites_.size(); at = read_from_.at(at)) ++steps;
      deepest = std::max(deepest, steps);
    }
    return deepest;
  }
  std::size_t most_readers() {
    std::map<wire::node_id, std::size_t> readers;
    std::size_t most = 0;
    for (const auto& [reader, holder] : read_from_) most = std::max(most, ++readers[holder]);
    return most;
  }

 private:
  struct site final : wire::receiver {
    site(broadcast& whole, wire::node_id n, std::uint32_t nodes)
        : all{whole},
          node{n},
          out{whole.net_.join(process_id::scheduler_of(n), scheduler)},
          memory{n, 2 * object_bytes},
          rma{n, memory, [&whole](wire::node_id from) { return whole.rma_of(from); }},
          tested{n,
                 nodes,
                 {memory, out, whole.how_ == way::rma ? &rma : nullptr},
                 {{whole.how_ == way::whole ? object_bytes : 0, 200, 200, 3, 600, 900}, {}, {}}} {}

    /// What comes for the scheduler.
    struct scheduler_side final : wire::receiver {
      explicit scheduler_side(site& whose) : of{whose} {}
      void on_message(process_id from, wire::blob message) override { of.handle(from, message); }
      void on_closed(process_id ended) override {
        of.tested.on_process_ended(ended);
        of.after();
      }
      site& of;
    };
    void handle(process_id from, wire::blob message) {
      const auto part = wire::decode<wire::store_part>(message);
      const auto pinned = wire::decode<wire::store_pinned>(message);
      if (part || (pinned && pinned->answer == wire::pin_answer::whole)) read(from.node());
      EXPECT_TRUE(tested.on_message(from, message));
      after();
    }
    void read(wire::node_id holder) { all.read_from_[node] = holder; }
    void after() {
      tested.flush();
      for (; known_reads < rma.begun(); ++known_reads) {
        all.time_.after(1000 + all.random_() % 50'000, [this] {
          if (all.dead_.contains(node)) return;
          const auto [done, succeeded] = rma.finish(0);
          --known_reads;
          if (succeeded) read(done.from);
          tested.on_remote_read(done.token, done.offset, succeeded);
          after();
        });
      }
    }
    // What comes for the process that asked.
    void on_message(process_id, wire::blob message) override {
      if (const auto answer = wire::decode<wire::store_fetched>(message)) {
        EXPECT_TRUE(answer->error.empty()) << "node " << node;
        if (!answer->error.empty()) return;
        const auto bytes = memory.bytes(answer->where);
        ASSERT_TRUE(bytes);
        EXPECT_EQ(std::count(bytes->begin(), bytes->end(), std::byte{'v'}), object_bytes);
        here = true;
      }
    }
    void on_closed(process_id) override {}

    broadcast& all;
    wire::node_id node;
    scheduler_side scheduler{*this};
    wire::outbox& out;
    core::memory_block_store memory;
    core::memory_of_others rma;
    core::directory tested;
    std::size_t known_reads = 0;
    bool here = false;
  };

  core::memory_of_others* rma_of(wire::node_id node) {
    return dead_.contains(node) ? nullptr : &sites_.at(node)->rma;
  }
  void make_object() {
    wire::send(*asker_outs_[0], process_id::scheduler_of(0),
               wire::store_allocate{1, object_bytes, 0});
    while (time_.step()) {
    }
    where_ = {0, 0, 1, 5, 1, 0, object_bytes};
    wire::send(*asker_outs_[0], process_id::scheduler_of(0), wire::store_made{object_, where_});
    while (time_.step()) {
    }
    const auto room = sites_[0]->memory.bytes(where_);
    ASSERT_TRUE(room);
    std::ranges::fill(*room, std::byte{'v'});
  }

  std::mt19937_64 random_;
  way how_;
  timeline time_;
  network net_;
  const object_id object_{{0, 1}, 77};
  location where_;
  std::vector<std::unique_ptr<site>> sites_;
  std::vector<wire::outbox*> asker_outs_;
  std::set<wire::node_id> dead_;
  std::map<wire::node_id, wire::node_id> read_from_;
};

std::size_t ceil_log2(std::size_t n) { return static_cast<std::size_t>(std::bit_width(n - 1)); }

void run_all(way how, std::uint64_t within_ns, std::uint64_t seeds) {
  const std::uint64_t first = test_seed();
  for (const std::uint32_t readers :
       {1U, 2U, 3U, 4U, 5U, 7U, 8U, 9U, 16U, 31U, 100U, 257U, 1024U}) {
    const std::uint64_t runs = readers > 100 ? 2 : seeds;
    for (std::uint64_t seed = first; seed < first + runs; ++seed) {
      SCOPED_TRACE(std::to_string(readers) + " readers, seed " + std::to_string(seed));
      broadcast one{seed, readers, how};
      one.run(within_ns);
      EXPECT_LE(one.depth(), ceil_log2(readers) + 1);
      EXPECT_LE(one.most_readers(), std::max<std::size_t>(ceil_log2(readers), 1));
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(Broadcast, OverRmaIsAFlatTree) { run_all(way::rma, 0, 20); }
TEST(Broadcast, ByMessagesIsAFlatTree) { run_all(way::messages, 0, 20); }
TEST(Broadcast, OfASmallObjectIsAFlatTree) { run_all(way::whole, 0, 20); }
TEST(Broadcast, ToThoseWhoAskOneAfterTheOtherIsAFlatTreeToo) {
  run_all(way::rma, 1'000'000, 20);
  run_all(way::whole, 1'000'000, 20);
}

TEST(Broadcast, GoesOnWhenReadersEndThatOthersReadFromOrWaitFor) {
  const std::uint64_t first = test_seed();
  for (std::uint64_t seed = first; seed < first + 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random{seed};
    const auto readers = static_cast<std::uint32_t>(3 + random() % 60);
    broadcast one{seed, readers, seed % 2 == 0 ? way::rma : way::messages};
    for (std::uint64_t i = 0; i < 1 + readers / 8; ++i)
      one.kill(static_cast<wire::node_id>(1 + random() % readers), 20'000 + random() % 400'000);
    one.run(0);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace mobula::sim
