#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <mobula/mobula.hpp>
#include <string>
#include <thread>
#include <vector>

#include "holds_within.hpp"
#include "stopped_process.hpp"
#include "temporary_folder.hpp"

// Goal: a node that falls silent, though no link to it breaks, costs what ran there and no more.
// Method: its scheduler is stopped, as all of a host that is frozen is. For three ranks, each a
// node, whose ends don't end the others, and a short MOBULA_NODE_TIMEOUT_MS.

namespace {

using namespace std::chrono_literals;
using mobula::object_ref;
using mobula::stopped_process;

constexpr auto patience = 60s;
constexpr std::size_t nodes_wanted = 3;

int scheduler_here() { return ::getppid(); }  // a node of one rank has no other seat
int own_node() { return static_cast<int>(mobula::context().node); }

int scheduler_of(std::uint32_t node) {
  return mobula::get(mobula::remote<scheduler_here>.with({.strategy = mobula::on_node{node}})(),
                     patience);
}

std::size_t living() {
  std::size_t count = 0;
  for (const auto& one : mobula::nodes(patience)) count += one.alive ? 1 : 0;
  return count;
}

bool exists(const std::string& file) { return ::access(file.c_str(), F_OK) == 0; }

// Tells where it begins; on node 2 it ends only when somebody lets it.
int begin_and_wait(const std::string& folder, int number) {
  const int node = own_node();
  std::ofstream{folder + "/" + std::to_string(number) + "_on_" + std::to_string(node)};
  while (node == 2 && !exists(folder + "/go")) std::this_thread::sleep_for(1ms);
  return number;
}

// Accused after half of the timeout, of 5 s, and asked.
TEST(SilentNodes, ThatAreHeardAgainInTimeLive) {
  ASSERT_EQ(mobula::nodes(patience).size(), nodes_wanted)
      << "start it as three ranks with MOBULA_RANKS_PER_NODE=1";
  const int scheduler = scheduler_of(1);
  object_ref<int> meanwhile;
  {
    const stopped_process stands_still{scheduler};
    meanwhile = mobula::remote<own_node>.with({.strategy = mobula::on_node{1}})();
    std::this_thread::sleep_for(3500ms);
  }
  EXPECT_EQ(mobula::get(meanwhile, patience), 1);
  EXPECT_EQ(living(), nodes_wanted);
}

TEST(SilentNodes, CountAsDeadAndCostWhatRanThere) {
  const mobula::temporary_folder folder;
  const std::string path = folder.path();
  const int scheduler = scheduler_of(2);
  std::vector<object_ref<int>> all;
  for (int i = 0; i < 12; ++i)
    all.push_back(mobula::remote<begin_and_wait>.with({.strategy = mobula::spread{}})(path, i));
  const auto begun_on_2 = [&] {
    for (int i = 0; i < 12; ++i)
      if (exists(path + "/" + std::to_string(i) + "_on_2")) return true;
    return false;
  };
  ASSERT_TRUE(mobula::holds_within(patience, begun_on_2));
  {
    const stopped_process stands_still{scheduler};
    EXPECT_TRUE(mobula::holds_within(patience, [] { return living() == nodes_wanted - 1; }));
    int lost = 0;
    for (int i = 0; i < 12; ++i) {
      try {
        EXPECT_EQ(mobula::get(all[static_cast<std::size_t>(i)], patience), i);
      } catch (const mobula::worker_died&) {
        ++lost;
      }
    }
    EXPECT_GE(lost, 1);
    EXPECT_THROW(
        mobula::get(mobula::remote<own_node>.with({.strategy = mobula::on_node{2}})(), patience),
        mobula::infeasible);
  }
  // It comes back after it was declared dead.
  EXPECT_TRUE(mobula::holds_within(patience, [&] { return ::kill(scheduler, 0) != 0; }));
  EXPECT_EQ(living(), nodes_wanted - 1);
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const mobula::runtime runtime(argc, argv, {.cpus = 2});
  return RUN_ALL_TESTS();
}
