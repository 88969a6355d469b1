#include "store/numa_topology.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "store/extent.hpp"
#include "temporary_folder.hpp"

namespace mobula::store {
namespace {

using ::testing::ElementsAre;

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

/// A root of a file system with what the kernel would show.
class Numa : public testing::Test {
 protected:
  void machine(const std::string& online, const std::string& has_memory, const std::string& allowed,
               const std::vector<std::string>& distances) {
    const std::string nodes = "sys/devices/system/node/";
    root_.file(nodes + "online", online + "\n");
    root_.file(nodes + "has_memory", has_memory + "\n");
    root_.file("proc/self/status",
               "Name:\ttest\nMems_allowed:\t3\nMems_allowed_list:\t" + allowed + "\nThreads:\t1\n");
    for (std::size_t i = 0; i < distances.size(); ++i) {
      if (!distances[i].empty())
        root_.file(nodes + "node" + std::to_string(i) + "/distance", distances[i] + "\n");
    }
  }
  numa_topology found() const { return numa_of_machine(root_.path()); }
  void expect_one_domain() {
    const numa_topology one = found();
    EXPECT_THAT(one.nodes, ElementsAre(0));
    EXPECT_EQ(one.distances, numa_distances{{10}});
    EXPECT_EQ(one.domain_of(7), 0U);
  }
  temporary_folder root_;
};

TEST_F(Numa, OfTwoSocketsIsTwoDomains) {
  machine("0-1", "0-1", "0-1", {"10 21", "21 10"});
  const numa_topology two = found();
  EXPECT_THAT(two.nodes, ElementsAre(0, 1));
  EXPECT_EQ(two.distances, (numa_distances{{10, 21}, {21, 10}}));
  EXPECT_EQ(two.domain_of(1), 1U);
  EXPECT_EQ(two.domain_of(wire::any_numa_node), 0U);
}

TEST_F(Numa, NodesWithoutMemoryBelongToTheNearestThatHasSome) {
  machine("0-2,4", "0,2,4", "0-7",
          {"10 12 32 40", "12 10 32 40", "32 30 10 17", "", "40 40 17 10"});
  const numa_topology three = found();
  EXPECT_THAT(three.nodes, ElementsAre(0, 2, 4));
  EXPECT_EQ(three.distances, (numa_distances{{10, 32, 40}, {32, 10, 17}, {40, 17, 10}}));
  EXPECT_EQ(three.domain_of(0), 0U);
  EXPECT_EQ(three.domain_of(1), 0U);
  EXPECT_EQ(three.domain_of(2), 1U);
  EXPECT_EQ(three.domain_of(4), 2U);
  EXPECT_EQ(three.domain_of(5), 0U);
}

TEST_F(Numa, WhatTheControlGroupDoesNotAllowIsNoDomain) {
  machine("0-2", "0-2", "1-2", {"10 20 20", "20 10 15", "20 15 10"});
  const numa_topology two = found();
  EXPECT_THAT(two.nodes, ElementsAre(1, 2));
  EXPECT_EQ(two.distances, (numa_distances{{10, 15}, {15, 10}}));
  EXPECT_EQ(two.domain_of(0), 0U);
  EXPECT_EQ(two.domain_of(2), 1U);
  machine("0-2", "0-2", "2", {"10 20 20", "20 10 15", "20 15 10"});
  expect_one_domain();
}

TEST_F(Numa, IsOneDomainWhereTheKernelDoesNotTell) {
  expect_one_domain();
  machine("0", "0", "0", {"10"});
  expect_one_domain();
  machine("0-1", "0-1", "0-1", {"10 21"});  // a row is missing
  expect_one_domain();
  machine("0-1", "0-1", "0-1", {"10 21 30", "21 10"});
  expect_one_domain();
  machine("many", "0-1", "-,;", {"10 21", "21 10"});
  expect_one_domain();
}

TEST_F(Numa, OfThisMachineKnowsWhereWeAre) {
  const numa_topology here = numa_of_machine();
  ASSERT_EQ(here.distances.size(), here.nodes.size());
  for (const auto& row : here.distances) EXPECT_EQ(row.size(), here.nodes.size());
  EXPECT_LT(here.domain_of(numa_node_here()), here.nodes.size());
}

// The policy of a page: its mode, and the first word of its nodes. Nothing: there is no such call.
std::optional<std::pair<int, unsigned long>> policy_of(const void* page) {
  constexpr int of_address = 2;
  int mode = -1;
  unsigned long nodes[16] = {};
  if (::syscall(SYS_get_mempolicy, &mode, nodes, 1024, page, of_address) != 0) return std::nullopt;
  return std::pair{mode, nodes[0]};
}

TEST_F(Numa, AFilePrefersItsNodeWhoeverMapsIt) {
  auto memory = extent::make(4 * mib);
  ASSERT_TRUE(memory);
  const wire::numa_node node = numa_of_machine().nodes.front();
  const bool agreed = prefer_numa_node(memory->file(), memory->size_bytes(), node);
  const extent_mapping another{memory->file(), extent_mapping::access::write};
  ASSERT_TRUE(another);
  for (const std::size_t offset : {std::size_t{0}, std::size_t{4 * mib - 4096}}) {
    another.bytes()[offset] = std::byte{1};
    const auto policy = policy_of(another.bytes().data() + offset);
    // Kernels without NUMA, and containers, may refuse both.
    EXPECT_EQ(agreed, policy.has_value() && policy->first == 1);
    if (agreed) {
      EXPECT_EQ(policy->second, 1UL << node);
    }
  }
  EXPECT_FALSE(prefer_numa_node(memory->file(), memory->size_bytes(), 1023));
  EXPECT_FALSE(prefer_numa_node(memory->file(), memory->size_bytes(), wire::any_numa_node));
  EXPECT_FALSE(prefer_numa_node(-1, memory->size_bytes(), node));
}

}  // namespace
}  // namespace mobula::store
