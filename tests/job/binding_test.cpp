#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "hardware/thread_set.hpp"
#include "job/job.hpp"

// On which cores tasks run. How a job is started decides which of these hold: see CMakeLists.txt.

namespace mobula::job {
namespace {

using hardware::thread_set;

thread_set parsed(const std::string& text) {
  return thread_set::parse(text).value_or(thread_set{});
}

/// Where that thread or process may run, by the kernel.
std::string allowed(const std::filesystem::path& place) {
  std::ifstream file{place / "status"};
  for (std::string line; std::getline(file, line);) {
    std::istringstream words{line};
    std::string name, threads;
    words >> name >> threads;
    if (name == "Cpus_allowed_list:") return threads;
  }
  return {};
}

struct place {
  std::string told;  // context().threads
  std::string real;  // all threads of the process together
  int threads = 0;   // so many
  double cpus = 0;
  std::uint32_t node = 0;
  std::uint32_t process = 0;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& told& real& threads& cpus& node& process;
  }
};

place here() {
  const runtime_context mine = context();
  place found{mine.threads, {}, 0, mine.cpus, mine.node, mine.process};
  thread_set all;
  for (const auto& thread : std::filesystem::directory_iterator{"/proc/self/task"}) {
    all |= parsed(allowed(thread.path()));
    ++found.threads;
  }
  found.real = all.text();
  return found;
}

/// Where it runs once it has a pool of threads, which stays: more of them than it has cores.
place with_a_pool(int threads) {
#ifdef _OPENMP
  omp_set_dynamic(0);
#pragma omp parallel num_threads(threads)
  { sched_yield(); }
  return here();
#else
  std::vector<std::thread> pool;
  std::atomic<bool> is_over{false};
  for (int i = 1; i < threads; ++i) pool.emplace_back([&] { is_over.wait(false); });
  const place found = here();
  is_over = true;
  is_over.notify_all();
  for (std::thread& one : pool) one.join();
  return found;
#endif
}

place together_with(std::string numbers, int count) {
  if (!meet(std::move(numbers), count)) return {};
  return here();
}

std::vector<place> at_once(const task_options& options, int count) {
  shared_numbers shared;
  std::vector<object_ref<place>> all;
  for (int i = 0; i < count; ++i)
    all.push_back(remote<together_with>.with(options)(shared.path(), count));
  return got(all);
}

thread_set threads_of_workers(std::uint32_t node = 0) {
  const node_state state = nodes().at(node);
  thread_set all = parsed(state.threads);
  all -= parsed(state.reserved_threads);
  return all;
}
int cores_of_a_node() { return static_cast<int>(nodes().at(0).cores); }
int cores_of_all_nodes() {
  int count = 0;
  for (const node_state& one : nodes()) count += static_cast<int>(one.cores);
  return count;
}

std::string variable(std::string name) {
  const char* const value = std::getenv(name.c_str());
  return value ? value : "";
}

struct resident {
  place where() { return with_a_pool(3); }
};

TEST(Binding, EveryThreadOfAProcessIsOnItsCoresInOneShapeAfterTheOther) {
  const int most = cpus_of_a_node();
  for (int round = 0; round < 3; ++round) {
    for (const double cpus : {1.0, 1.0 * most, 0.5}) {
      const place found = got(remote<with_a_pool>.with({.cpus = cpus})(most + 2));
      SCOPED_TRACE(found.told + " for " + std::to_string(cpus));
      EXPECT_GE(found.threads, most + 2);
      EXPECT_EQ(found.real, found.told);
      EXPECT_EQ(found.cpus, cpus);
      // A control group may allow fewer cpus than there are cores.
      if (cpus == most && most == cores_of_a_node()) {
        EXPECT_EQ(parsed(found.told), threads_of_workers(found.node));
      }
    }
  }
}

TEST(Binding, TasksThatRunAtOnceHaveCoresOfTheirOwn) {
  const int count = static_cast<int>(cluster_resources()["cpus"]);
  const auto all = at_once({}, count);
  std::set<std::pair<std::uint32_t, std::uint32_t>> used;
  for (const place& one : all) {
    EXPECT_EQ(one.real, one.told);
    EXPECT_FALSE(one.told.empty());
    for (const std::uint32_t thread : parsed(one.told).list())
      EXPECT_TRUE(used.insert({one.node, thread}).second) << thread << " is of two tasks";
  }
}

TEST(Binding, PartsOfACpuShareACore) {
  const int count = static_cast<int>(2 * cluster_resources()["cpus"]);
  std::map<std::pair<std::uint32_t, std::string>, int> tasks;
  for (const place& one : at_once({.cpus = 0.5}, count)) ++tasks[{one.node, one.told}];
  for (const auto& [core, on_it] : tasks) EXPECT_EQ(on_it, 2) << core.second;
}

TEST(Binding, AnActorsCoresAreItsForLifeAndWithoutCpusItHasThemAll) {
  const auto one = actor<resident>.with({.cpus = 1})();
  const place first = got(one.call<&resident::where>());
  EXPECT_EQ(first.real, first.told);
  EXPECT_EQ(first.cpus, 1);
  const auto any = actor<resident>();
  const place all = got(any.call<&resident::where>());
  EXPECT_EQ(all.cpus, 0);
  EXPECT_EQ(all.real, all.told);
  EXPECT_EQ(parsed(all.told), threads_of_workers(all.node));
  got(remote<here>());
  EXPECT_EQ(got(one.call<&resident::where>()).told, first.told);
}

// Over all nodes: a rank has the cores of its place, which is one of those that the command holds.
TEST(CommandOfRanks, HasACoreForEachOnTheNodesOfItsLease) {
  const int ranks = static_cast<int>(cluster_resources()["cpus"]);
  const command_result result =
      got(command{{"grep", "^Cpus_allowed_list:", "/proc/self/status"}, ranks}());
  ASSERT_TRUE(result.good()) << result.last_error;
  std::istringstream words{result.output};
  thread_set used;
  int seen = 0;
  for (std::string name, threads; words >> name >> threads; ++seen) {
    const thread_set mine = parsed(threads);
    EXPECT_FALSE(used.overlaps(mine)) << threads << " is of two ranks";
    used |= mine;
  }
  EXPECT_EQ(seen, ranks);
  thread_set all;
  for (std::uint32_t node = 0; node < nodes().size(); ++node) all |= threads_of_workers(node);
  // A control group may allow fewer cpus than there are cores.
  if (ranks == cores_of_all_nodes()) {
    EXPECT_EQ(used, all);
  }
}

TEST(Binding, AProcessKeepsItsCoresForItsLife) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> told;
  for (int round = 0; round < 5; ++round) {
    for (const double cpus : {1.0, 0.5, 1.0 * cpus_of_a_node()}) {
      const place found = got(remote<here>.with({.cpus = cpus})());
      const auto [known, is_new] = told.try_emplace({found.node, found.process}, found.told);
      EXPECT_EQ(known->second, found.told);
      EXPECT_EQ(found.real, found.told);
    }
  }
}

TEST(Binding, TheDriverHasNoCpusOfItsOwn) {
  EXPECT_EQ(context().cpus, 0);
  EXPECT_EQ(context().threads, thread_set::of_this_thread().text());
}

TEST(ThreadCounts, AreTheCpusOfTheTask) {
  const int most = cpus_of_a_node();
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                           "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(got(remote<variable>(name)), "1");
    EXPECT_EQ(got(remote<variable>.with({.cpus = 0.25})(name)), "1");
    EXPECT_EQ(got(remote<variable>.with({.cpus = 0})(name)), "1");
    EXPECT_EQ(got(remote<variable>.with({.cpus = most})(name)), std::to_string(most));
  }
#ifdef _OPENMP
  constexpr auto at_most = [] { return omp_get_max_threads(); };
  EXPECT_EQ(got(remote<at_most>.with({.cpus = most})()), most);
#endif
}

// The user has set OMP_NUM_THREADS=3 and nothing else.
TEST(UsersThreadCounts, AreKept) {
  EXPECT_EQ(got(remote<variable>("OMP_NUM_THREADS")), "3");
  EXPECT_EQ(got(remote<variable>("MKL_NUM_THREADS")), "") << "it follows OMP_NUM_THREADS";
}

// By MOBULA_BIND=0, or .bind = false.
TEST(Unbound, TasksRunAnywhere) {
  for (const place& one : at_once({}, static_cast<int>(cluster_resources()["cpus"]))) {
    EXPECT_EQ(one.real, nodes().at(one.node).threads);
    EXPECT_EQ(one.told, one.real);
    EXPECT_EQ(one.cpus, 1);
  }
}

// MOBULA_RESERVED_CORES=1.
TEST(Reserved, OneCoreIsTheSchedulersAlone) {
  const node_state node = nodes().at(0);
  const thread_set reserved = parsed(node.reserved_threads);
  ASSERT_FALSE(reserved.empty());
  ASSERT_GT(cores_of_a_node(), 1);
  EXPECT_LE(node.resources.at("cpus"), cores_of_a_node() - 1);
  constexpr auto scheduler = [] { return allowed("/proc/" + std::to_string(::getppid())); };
  if (node.ranks == 1) {
    EXPECT_EQ(got(remote<scheduler>()), node.reserved_threads);
  }
  auto all = at_once({}, cpus_of_a_node());
  all.push_back(got(remote<here>.with({.cpus = 0})()));
  for (const place& one : all) {
    EXPECT_EQ(one.real, one.told);
    EXPECT_FALSE(parsed(one.real).overlaps(reserved)) << one.real;
  }
}

// MOBULA_TOPOLOGY="package:2 numa:1 l3:4 core:8 pu:2": no thread of ours can be bound to that.
TEST(AnotherMachine, CoresAreChosenAndToldThere) {
  const node_state node = nodes().at(0);
  EXPECT_EQ(node.cores, 64U);
  EXPECT_EQ(node.resources.at("cpus"), 63) << "one is the scheduler's";
  EXPECT_EQ(node.reserved_threads, "0-1");
  const auto found = at_once({.cpus = 7}, 2);
  EXPECT_FALSE(parsed(found[0].told).overlaps(parsed(found[1].told)));
  for (const place& one : found) {
    const auto threads = parsed(one.told).list();
    ASSERT_EQ(threads.size(), 14U);
    EXPECT_EQ(threads.front() / 16, threads.back() / 16) << "they share a cache";
    EXPECT_EQ(one.real, thread_set::of_this_thread().text());
  }
  EXPECT_EQ(got(remote<here>.with({.cpus = 32})()).told, "64-127") << "the other socket";
}

TEST(HybridMachine, WholeCpusAreFastCores) {
  EXPECT_EQ(nodes().at(0).cores, 12U);
  const auto all = nodes().at(0).threads;
  EXPECT_EQ(got(remote<here>.with({.cpus = 4})()).told, "0-3");
  EXPECT_EQ(got(remote<here>.with({.cpus = 12})()).told, all);
}

TEST(MachineOfOneCore, HasItForAll) {
  EXPECT_EQ(nodes().at(0).cores, 1U);
  EXPECT_EQ(got(remote<here>()).told, "0");
  EXPECT_EQ(got(remote<here>.with({.cpus = 0.5})()).told, "0");
}

// How many GPUs there are main.cpp says: nobody knows where these two lie.
TEST(MachineOfEightGpus, HasAllItsCores) {
  EXPECT_EQ(nodes().at(0).cores, 8U);
  const auto one_socket = testing::AnyOf("0-7", "8-15");
  EXPECT_THAT(got(remote<here>.with({.cpus = 4})()).told, one_socket);
  EXPECT_THAT(got(remote<here>.with({.cpus = 4, .gpus = 1})()).told, one_socket);
}

}  // namespace
}  // namespace mobula::job
