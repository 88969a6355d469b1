#include "launch/layout.hpp"

#include <gmock/gmock.h>

namespace mobula::launch {
namespace {

using ::testing::ElementsAre;

rank_facts facts(std::uint32_t host, const char* cores, double quota = 0) {
  return {host, *hardware::thread_set::parse(cores), quota};
}

TEST(Layout, AloneIsOneNodeWithItsCores) {
  const std::vector<rank_facts> ranks{facts(0, "0-3")};
  const layout plan{ranks, 0, std::nullopt};
  ASSERT_EQ(plan.nodes().size(), 1U);
  EXPECT_EQ(plan.nodes()[0].cpus, 4.0);
  EXPECT_TRUE(plan.is_driver(0));
  EXPECT_TRUE(plan.starts_scheduler(0));
  EXPECT_EQ(plan.threads_of_children(0).text(), "0-3");
}

TEST(Layout, AHostIsANodeAndItsCoresAreTheUnion) {
  const std::vector<rank_facts> ranks{facts(0, "0"), facts(0, "1"), facts(2, "0-1"),
                                      facts(2, "2-3")};
  const layout plan{ranks, 0, std::nullopt};
  ASSERT_EQ(plan.nodes().size(), 2U);
  EXPECT_THAT(plan.nodes()[0].ranks, ElementsAre(0, 1));
  EXPECT_THAT(plan.nodes()[1].ranks, ElementsAre(2, 3));
  EXPECT_EQ(plan.nodes()[0].cpus, 2.0);
  EXPECT_EQ(plan.nodes()[1].cpus, 4.0);
  EXPECT_FALSE(plan.starts_scheduler(1));
  EXPECT_TRUE(plan.starts_scheduler(2));
  EXPECT_FALSE(plan.is_driver(2));
  EXPECT_EQ(plan.threads_of_children(3).text(), "2-3");
}

TEST(Layout, RanksDealtOverHostsInTurnKeepTheirOrder) {
  const std::vector<rank_facts> ranks{facts(0, "0-1"), facts(1, "0-1"), facts(0, "0-1"),
                                      facts(1, "0-1")};
  const layout plan{ranks, 0, std::nullopt};
  ASSERT_EQ(plan.nodes().size(), 2U);
  EXPECT_THAT(plan.nodes()[0].ranks, ElementsAre(0, 2));
  EXPECT_THAT(plan.nodes()[1].ranks, ElementsAre(1, 3));
  EXPECT_EQ(plan.node_of(3).node, 1);
}

TEST(Layout, MoreWorkerRanksThanCoresAreSoManyCpus) {
  const std::vector<rank_facts> ranks(8, facts(0, "0-1"));
  EXPECT_EQ((layout{ranks, 0, std::nullopt}.nodes()[0].cpus), 7.0);
  EXPECT_EQ((layout{ranks, 0, 3.5}.nodes()[0].cpus), 3.5);
}

TEST(Layout, WhereAllDriveEachIsAProcessOfItsNodeAndNoneAWorkerRank) {
  std::vector<rank_facts> ranks(8, facts(0, "0-1"));
  ranks[3] = ranks[5] = facts(3, "0-3");
  const layout plan{ranks, 0, std::nullopt, std::nullopt, drivers::all};
  ASSERT_EQ(plan.nodes().size(), 2U);
  EXPECT_EQ(plan.drivers_of(plan.nodes()[0]), 6U);
  EXPECT_EQ(plan.drivers_of(plan.nodes()[1]), 2U);
  for (std::uint32_t rank = 0; rank < 8; ++rank) EXPECT_TRUE(plan.is_driver(rank));
  EXPECT_EQ(plan.process_of(0), (wire::process_id{0, 1}));
  EXPECT_EQ(plan.process_of(4), (wire::process_id{0, 4}));
  EXPECT_EQ(plan.process_of(3), (wire::process_id{1, 1}));
  EXPECT_EQ(plan.process_of(5), (wire::process_id{1, 2}));
  EXPECT_EQ(plan.nodes()[0].cpus, 2.0);
  const layout plain{ranks, 0, std::nullopt};
  EXPECT_EQ(plain.drivers_of(plain.nodes()[0]), 1U);
  EXPECT_EQ(plain.drivers_of(plain.nodes()[1]), 0U);
  EXPECT_EQ(plain.process_of(0), (wire::process_id{0, 1}));
}

TEST(Layout, SlurmsShareLimitsWhereNobodyIsBound) {
  std::vector<rank_facts> ranks(2, facts(0, "0-7"));
  for (rank_facts& one : ranks) one.slurm.of_host = 6;
  EXPECT_EQ((layout{ranks, 0, std::nullopt}.nodes()[0].cpus), 6.0);
  EXPECT_TRUE((layout{ranks, 0, std::nullopt}.nodes()[0].is_unbound));
  // Each logical node has a part of it.
  EXPECT_EQ((layout{ranks, 1, std::nullopt}.nodes()[1].cpus), 3.0);
  // So has each task of a step that leaves something free.
  for (rank_facts& one : ranks) one.slurm.of_rank = 1;
  EXPECT_EQ((layout{ranks, 0, std::nullopt}.nodes()[0].cpus), 2.0);
  EXPECT_EQ((layout{ranks, 0, 8.0}.nodes()[0].cpus), 8.0);
}

TEST(Layout, SlurmsShareIsOfHardwareThreads) {
  std::vector<rank_facts> ranks{facts(0, "0-7")};
  for (const char* const core : {"0,4", "1,5", "2,6", "3,7"})
    ranks[0].wide_cores.push_back(*hardware::thread_set::parse(core));
  ranks[0].slurm.of_host = 4;
  EXPECT_EQ((layout{ranks, 0, std::nullopt}.nodes()[0].cpus), 2.0);
  ranks[0].slurm.of_host = 8;
  EXPECT_EQ((layout{ranks, 0, std::nullopt}.nodes()[0].cpus), 4.0);
  EXPECT_FALSE((layout{ranks, 0, std::nullopt}.nodes()[0].is_unbound));
}

TEST(Layout, WhoWasBoundKeepsItsCoresWhateverSlurmCounts) {
  std::vector<rank_facts> ranks{facts(0, "0-3")};
  ranks[0].slurm.of_host = 4;
  EXPECT_EQ((layout{ranks, 0, std::nullopt}.nodes()[0].cpus), 4.0);
  EXPECT_FALSE((layout{ranks, 0, std::nullopt}.nodes()[0].is_unbound));
}

TEST(Layout, TheQuotaLimitsButLeavesOne) {
  const std::vector<rank_facts> some{facts(0, "0-7", 2.5)};
  EXPECT_EQ((layout{some, 0, std::nullopt}.nodes()[0].cpus), 2.0);
  const std::vector<rank_facts> little{facts(0, "0-7", 0.5)};
  EXPECT_EQ((layout{little, 0, std::nullopt}.nodes()[0].cpus), 1.0);
}

TEST(Layout, OnALargeNodeOneCoreIsTheSchedulers) {
  const std::vector<rank_facts> large{facts(0, "0-15")};
  const layout plan{large, 0, std::nullopt};
  EXPECT_EQ(plan.nodes()[0].reserved.text(), "0");
  EXPECT_EQ(plan.nodes()[0].cores, 16U);
  EXPECT_EQ(plan.nodes()[0].cpus, 15.0);
  const std::vector<rank_facts> small{facts(0, "0-14")};
  EXPECT_TRUE((layout{small, 0, std::nullopt}.nodes()[0].reserved.empty()));
  EXPECT_TRUE((layout{large, 0, std::nullopt, 0}.nodes()[0].reserved.empty()));
}

TEST(Layout, WhoWantsAllCoresOfALargeNodeForTasksHasThem) {
  const std::vector<rank_facts> all(17, facts(0, "0-15"));
  const layout plan{all, 0, std::nullopt};
  EXPECT_TRUE(plan.nodes()[0].reserved.empty()) << "there is a worker rank for each";
  EXPECT_EQ(plan.nodes()[0].cpus, 16.0);
  const std::vector<rank_facts> one{facts(0, "0-15")};
  EXPECT_TRUE((layout{one, 0, 16.0}.nodes()[0].reserved.empty()));
  EXPECT_TRUE((layout{one, 0, 15.5}.nodes()[0].reserved.empty()));
  EXPECT_EQ((layout{one, 0, 8.0}.nodes()[0].reserved.text()), "0");
}

TEST(Layout, AsManyCoresAreReservedAsSomebodySays) {
  const std::vector<rank_facts> ranks{facts(0, "0-3"), facts(0, "0-3")};
  const layout plan{ranks, 0, std::nullopt, 2};
  EXPECT_EQ(plan.nodes()[0].reserved.text(), "0-1");
  EXPECT_EQ(plan.nodes()[0].cpus, 2.0);
  EXPECT_EQ((layout{ranks, 0, 4.0, 2}.nodes()[0].cpus), 4.0) << "whoever counts them means it";
  const layout two{ranks, 1, std::nullopt, 1};
  EXPECT_EQ(two.nodes()[0].reserved.text(), "0");
  EXPECT_EQ(two.nodes()[1].reserved.text(), "2");
  EXPECT_EQ(two.nodes()[1].cpus, 1.0);
}

TEST(Layout, NotAllCoresCanBeReserved) {
  const std::vector<rank_facts> ranks{facts(0, "0-1")};
  for (const std::uint32_t all : {2U, 3U, 4'000'000'000U}) {
    try {
      const layout plan{ranks, 0, std::nullopt, all};
      FAIL() << all;
    } catch (const start_error& refused) {
      EXPECT_THAT(refused.what(), ::testing::HasSubstr("MOBULA_RESERVED_CORES"));
      EXPECT_THAT(refused.what(), ::testing::HasSubstr("2 cores"));
    }
  }
}

TEST(Layout, ACoreIsReservedWithAllItsThreads) {
  std::vector<rank_facts> ranks{facts(0, "0-3,8-11")};
  for (std::uint32_t core = 0; core < 4; ++core) {
    hardware::thread_set threads;
    threads.add(core);
    threads.add(core + 8);
    ranks[0].wide_cores.push_back(threads);
  }
  EXPECT_EQ((layout{ranks, 0, std::nullopt, 1}.nodes()[0].reserved.text()), "0,8");
}

TEST(Layout, LogicalNodesShareTheCoresOfTheirHost) {
  const std::vector<rank_facts> ranks(4, facts(0, "0-7"));
  const layout plan{ranks, 2, std::nullopt};
  ASSERT_EQ(plan.nodes().size(), 2U);
  EXPECT_EQ(plan.nodes()[0].threads.text(), "0-3");
  EXPECT_EQ(plan.nodes()[1].threads.text(), "4-7");
  EXPECT_EQ(plan.threads_of_children(3).text(), "4-7");
  EXPECT_TRUE(plan.starts_scheduler(2));
}

TEST(Layout, LogicalNodesKeepWhatTheLauncherDivided) {
  const std::vector<rank_facts> ranks{facts(0, "4-5"), facts(0, "0-1")};
  const layout plan{ranks, 1, std::nullopt};
  EXPECT_EQ(plan.nodes()[0].threads.text(), "4-5");
  EXPECT_EQ(plan.nodes()[1].threads.text(), "0-1");
}

TEST(Layout, MoreLogicalNodesThanCoresShareOne) {
  const std::vector<rank_facts> ranks(3, facts(0, "0-1"));
  const layout plan{ranks, 1, std::nullopt};
  ASSERT_EQ(plan.nodes().size(), 3U);
  for (const node_layout& node : plan.nodes()) {
    EXPECT_EQ(node.threads.count(), 1U);
    EXPECT_EQ(node.cpus, 1.0);
  }
}

TEST(Layout, AnUnevenCutLeavesASmallLastNode) {
  const std::vector<rank_facts> ranks(5, facts(0, "0-9"));
  const layout plan{ranks, 2, std::nullopt};
  ASSERT_EQ(plan.nodes().size(), 3U);
  EXPECT_THAT(plan.nodes()[2].ranks, ElementsAre(4));
  EXPECT_EQ(plan.nodes()[2].threads.text(), "8-9");
}

TEST(Layout, LogicalNodesShareTheQuotaOfTheirHost) {
  const std::vector<rank_facts> ranks(2, facts(0, "0-7", 4));
  EXPECT_EQ((layout{ranks, 1, std::nullopt}.nodes()[1].cpus), 2.0);
}

TEST(RankFacts, TravelAndRefuseGarbage) {
  const rank_facts sent = facts(7, "0-3,9", 1.5);
  const auto got = rank_facts::decode(sent.encode());
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->host, 7U);
  EXPECT_EQ(got->threads, sent.threads);
  EXPECT_EQ(got->cpu_quota, 1.5);
  EXPECT_FALSE(rank_facts::decode("short").has_value());
  EXPECT_FALSE(rank_facts::decode(sent.encode() + "x").has_value());
}

TEST(Layout, ACoreOfSeveralThreadsIsOneCpu) {
  std::vector<rank_facts> ranks{facts(0, "0-3,8-11"), facts(0, "0-3,8-11")};
  for (std::uint32_t core = 0; core < 4; ++core) {
    hardware::thread_set threads;
    threads.add(core);
    threads.add(core + 8);
    ranks[0].wide_cores.push_back(threads);  // the lowest rank tells of them
  }
  const layout one{ranks, 0, std::nullopt};
  EXPECT_EQ(one.nodes()[0].cores, 4U);
  EXPECT_EQ(one.nodes()[0].cpus, 4.0);
  EXPECT_EQ(one.threads_of_children(1).text(), "0-3,8-11");
  const layout two{ranks, 1, std::nullopt};
  EXPECT_EQ(two.nodes()[0].threads.text(), "0-1,8-9") << "whole cores are divided";
  EXPECT_EQ(two.nodes()[1].threads.text(), "2-3,10-11");
  EXPECT_EQ(two.nodes()[1].cpus, 2.0);
}

TEST(Layout, LogicalNodesDivideTheGpusThatTheySeeAlike) {
  std::vector<rank_facts> ranks(5, facts(0, "0-9"));
  ranks[1].visible_gpus = "0";  // its launcher gave it that one alone
  const layout plan{ranks, 1, std::nullopt};
  EXPECT_EQ(plan.nodes()[1].gpu_shares, 1U);
  std::uint32_t share = 0;
  for (const std::size_t node : {0, 2, 3, 4}) {
    EXPECT_EQ(plan.nodes()[node].gpu_shares, 4U);
    EXPECT_EQ(plan.nodes()[node].gpu_share, share++);
  }
}

TEST(RankFacts, TravelWithCoresAndGpus) {
  rank_facts sent = facts(7, "0-3", 1.5);
  sent.wide_cores = {*hardware::thread_set::parse("0,2"), *hardware::thread_set::parse("1,3")};
  auto got = rank_facts::decode(sent.encode());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->wide_cores, sent.wide_cores);
  EXPECT_EQ(got->visible_gpus, std::nullopt);
  sent.visible_gpus = "";
  EXPECT_EQ(rank_facts::decode(sent.encode())->visible_gpus, "") << "set to nothing is not unset";
}

}  // namespace
}  // namespace mobula::launch
