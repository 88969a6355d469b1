#include "info/report.hpp"

#include <gmock/gmock.h>

namespace info {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

mobula::node_state node(std::uint32_t number) {
  mobula::node_state one;
  one.node = number;
  one.host = "n" + std::to_string(number);
  one.first_rank = 2 * number;
  one.ranks = 2;
  one.workers = 1;
  one.resources = {{"cpus", 16}, {"gpus", 0}, {"memory", 1 << 30}, {"ssd", 2.5}};
  one.available = {{"cpus", 12.5}, {"gpus", 0}, {"memory", 1 << 30}, {"ssd", 0.5}};
  one.threads = "0-31";
  one.reserved_threads = "0,16";
  one.cores = 16;
  one.packages = 2;
  one.numa_nodes = 1;
  one.memory_bytes = std::uint64_t{3} << 30;
  one.store_bytes = std::uint64_t{1} << 30;
  one.store_objects = 1;
  one.store_used_bytes = 1536;
  one.transports = "tcp";
  one.rma = true;
  one.versions = {{"mobula", "0.1.0"}, {"ucx", "1.13.1"}};
  return one;
}

TEST(Report, TellsOfEachNodeWhatItIsMadeOf) {
  const std::string text = report({node(0), node(1)});
  EXPECT_THAT(text, HasSubstr("4 ranks on 2 nodes\n"));
  EXPECT_THAT(text, HasSubstr("node 1 on n1\n"));
  EXPECT_THAT(text, HasSubstr("2 ranks, from 2 on: the scheduler's and 1 seat of workers; "
                              "1 worker process now\n"));
  EXPECT_THAT(text, HasSubstr("2 ranks, from 0 on: the driver, with the scheduler and 1 seat"));
  EXPECT_THAT(text,
              HasSubstr("16 offered, 12.5 free; 16 cores, hardware threads 0-31, on 2 sockets "
                        "and 1 NUMA node; 0,16 kept for the scheduler\n"));
  EXPECT_THAT(text, HasSubstr("1.0 GiB for tasks, 1.0 GiB free; the machine has 3.0 GiB\n"));
  EXPECT_THAT(text, HasSubstr("ssd 2.5, 0.5 free\n"));
  EXPECT_THAT(text, HasSubstr("1.0 GiB, 1.5 KiB in use by 1 object\n"));
  EXPECT_THAT(text, HasSubstr("UCX to others (tcp), objects by remote memory access\n"));
  EXPECT_THAT(text, HasSubstr("mobula 0.1.0, ucx 1.13.1\n"));
}

TEST(Report, TellsOfEachGpu) {
  mobula::node_state one = node(0);
  one.resources["gpus"] = one.available["gpus"] = 2;
  one.gpus = {{"GPU-a", "Card", std::uint64_t{80} << 30, "0000:3b:00.0", "", "0-15", 1},
              {"MIG-b", "Card MIG 1g", std::uint64_t{10} << 30, "", "GPU-c", "", 0}};
  const std::string text = report({one});
  EXPECT_THAT(text, HasSubstr("2 offered, 2 free\n"));
  EXPECT_THAT(text, HasSubstr("Card, 80 GiB, GPU-a, at 0000:3b:00.0, next to threads 0-15 "
                              "(NUMA node 1)\n"));
  EXPECT_THAT(text, HasSubstr("Card MIG 1g, 10 GiB, MIG-b, part of GPU-c\n"));
  EXPECT_THAT(text, Not(HasSubstr("UCX"))) << "there is nobody else";
}

TEST(Report, OfANodeThatHasEndedSaysThat) {
  mobula::node_state gone;
  gone.node = 1;
  gone.host = "n1";
  gone.alive = false;
  EXPECT_THAT(report({node(0), gone}), HasSubstr("node 1 on n1 has ended\n"));
}

TEST(Report, CountsInUnitsOf1024) {
  EXPECT_EQ(in_words(0), "0 B");
  EXPECT_EQ(in_words(1023), "1023 B");
  EXPECT_EQ(in_words(1536), "1.5 KiB");
  EXPECT_EQ(in_words(std::uint64_t{640} << 20), "640 MiB");
}

}  // namespace
}  // namespace info
