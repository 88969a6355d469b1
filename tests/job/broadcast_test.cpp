#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>

#include "job/job.hpp"

// Goal: an object that all nodes want at the same moment goes over a tree at most ceil(log2 n) + 1
// deep, and no node serves it to more than ceil(log2 n) others. Method: a job of nodes, each with
// an actor that reads; the nodes count. What the simulation shows of many nodes, on real ones.

namespace mobula::job {
namespace {

using numbers = shared_array<std::int64_t>;
using view = shared_array<const std::int64_t>;

struct reader {
  int node() { return static_cast<int>(context().node); }
  std::int64_t sum(object_ref<numbers> of) {
    const view all = get(of, patience);
    return std::accumulate(all.begin(), all.end(), std::int64_t{0});
  }
};

std::uint64_t ceil_log2(std::size_t n) { return std::bit_width(n - 1); }

/// One on each node but the driver's.
std::vector<actor_handle<reader>> readers_elsewhere() {
  std::vector<actor_handle<reader>> all;
  for (std::size_t i = 0, count = node_count(); i < count; ++i)
    all.push_back(
        actor<reader>.with({.cpus = cpus_of_a_node()})());  // each takes a node for itself
  std::erase_if(all, [](auto& one) { return got(one.template call<&reader::node>()) == 0; });
  return all;
}

std::vector<std::uint64_t> reads_of_all() {
  std::vector<std::uint64_t> all;
  for (const node_state& one : nodes(patience)) all.push_back(one.store_reads);
  return all;
}

class Broadcast : public testing::TestWithParam<std::size_t> {};

TEST_P(Broadcast, IsAFlatTreeInWhichNobodyServesMany) {
  const std::size_t count = GetParam();
  const auto readers = readers_elsewhere();
  ASSERT_GE(readers.size(), 3U) << "start it as ranks with MOBULA_RANKS_PER_NODE=1";
  for (int round = 0; round < 5; ++round) {
    const std::vector<std::uint64_t> before = reads_of_all();
    const auto all = put(numbers(count, 1));
    std::vector<object_ref<std::int64_t>> sums;
    for (const auto& one : readers) sums.push_back(one.call<&reader::sum>(all));
    for (const std::int64_t one : got(sums)) EXPECT_EQ(one, static_cast<std::int64_t>(count));

    const std::vector<std::uint64_t> after = reads_of_all();
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
      sum += after[i] - before[i];
      EXPECT_LE(after[i] - before[i], ceil_log2(readers.size())) << "of node " << i;
    }
    EXPECT_EQ(sum, readers.size()) << "each reads it once";
  }
  for (const node_state& one : nodes(patience)) {
    EXPECT_EQ(one.store_hops_max == 0, one.node == 0) << "node " << one.node;
    EXPECT_LE(one.store_hops_max, ceil_log2(readers.size()) + 1) << "node " << one.node;
  }
}

// In the answer to the question for it, in a few parts, and in many.
INSTANTIATE_TEST_SUITE_P(Elements, Broadcast, testing::Values(5'000, 100'000, 2'000'000));

}  // namespace
}  // namespace mobula::job
