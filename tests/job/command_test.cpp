// Commands as tasks; those of several ranks start an MPI program, which CMake names.

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "job/job.hpp"
#include "launch/parent_of.hpp"
#include "temporary_folder.hpp"

namespace mobula::job {
namespace {

using ::testing::HasSubstr;

command shell(const std::string& script) { return {.argv = {"sh", "-c", script}}; }

std::string hello() { return MPI_HELLO; }

std::string failure_of(const object_ref<command_result>& ref) {
  try {
    got(ref);
  } catch (const task_error& thrown) {
    return thrown.message();
  }
  return {};
}

bool is_alive(int process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/stat"};
  std::string text;
  return std::getline(file, text) && text[text.rfind(')') + 2] != 'Z';
}

/// A folder of this test, on this host.
class scratch {
 public:
  std::string path() const { return folder_.path().string(); }
  std::string read(const std::string& name) const {
    std::ifstream file{folder_.path() / name};
    std::string text;
    std::getline(file, text);
    return text;
  }

 private:
  temporary_folder folder_;
};

/// Ranks, on whatever hosts, that write into files that all hosts see as long as they live.
class beating_ranks {
 public:
  explicit beating_ranks(int count) : count_{count} {}

  command program() const {
    return {.argv = {"sh", "-c",
                     "own=$(cat /proc/sys/kernel/hostname).$$; "
                     "while :; do echo >> $own; sleep 0.02; done"},
            .ranks = count_,
            .folder = here_.path()};
  }
  bool all_beat() const { return beats().size() == static_cast<std::size_t>(count_); }
  /// None of them has written for half a second.
  bool are_silent() const {
    const auto before = beats();
    std::this_thread::sleep_for(500ms);
    return beats() == before;
  }

 private:
  std::map<std::string, std::uintmax_t> beats() const {
    std::map<std::string, std::uintmax_t> found;
    for (const auto& entry : std::filesystem::directory_iterator{here_.path()})
      found[entry.path().filename()] = entry.file_size();
    return found;
  }

  int count_;
  scratch here_;
};

/// Of this host's processes that were started as such.
std::vector<int> processes_named(const std::set<std::string>& names) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
    std::ifstream file{entry.path() / "comm"};
    std::string name;
    if (std::getline(file, name) && names.contains(name))
      found.push_back(std::stoi(entry.path().filename()));
  }
  return found;
}

bool is_worker(int process) {
  std::ifstream file{"/proc/" + std::to_string(process) + "/environ"};
  for (std::string one; std::getline(file, one, '\0');)
    if (one == "MOBULA_ROLE=worker") return true;
  return false;
}

/// The worker process below this one that has started it; 0: it was none.
int worker_above(int process) {
  int nearest = 0;
  for (; process > 1; process = launch::parent_of(process)) {
    if (process == ::getpid()) return nearest;
    if (nearest == 0 && is_worker(process)) nearest = process;
  }
  return 0;
}

TEST(Command, TellsItsStatusAndWhatItWrote) {
  const command_result result = got(shell("echo out; echo err >&2; exit 3")());
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.signal, 0);
  EXPECT_FALSE(result.good());
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.last_error, "err\n");
  EXPECT_TRUE(got(command{{"true"}, 1}()).good());
}

TEST(Command, TellsTheSignalThatEndedIt) {
  const command_result result = got(shell("kill -9 $$")());
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_EQ(result.status, 128 + SIGKILL);
}

TEST(Command, HasTheInputFolderAndEnvironmentThatItIsGiven) {
  const std::string input(3 << 20, 'x');
  EXPECT_EQ(got(command{.argv = {"cat"}, .input = input}()).output, input);
  EXPECT_EQ(got(shell("cat")()).output, "");
  EXPECT_EQ(got(command{.argv = {"pwd"}, .folder = "/usr"}()).output, "/usr\n");
  command one = shell("echo $GREETING; env | grep -cE '^(MOBULA|OMPI_COMM|PMIX|SLURM_PROCID)'");
  one.environment = {{"GREETING", "hello"}};
  EXPECT_EQ(got(one()).output, "hello\n0\n");
}

TEST(Command, IsRefusedInWordsIfItCannotBeStarted) {
  EXPECT_THAT(failure_of(command{{"no-such-program"}}()), HasSubstr("no such program in PATH"));
  EXPECT_THAT(failure_of(command{{"/no/such/program"}}()),
              HasSubstr("can't start /no/such/program: No such file"));
  EXPECT_THAT(failure_of(command{{"/etc/passwd"}}()), HasSubstr("Permission denied"));
  EXPECT_THAT(failure_of(command{.argv = {"true"}, .folder = "/no/such"}()),
              HasSubstr("in the folder /no/such: No such file"));
  EXPECT_THAT(failure_of(command{{"no-such-program"}, 2}()), HasSubstr("no such program in PATH"));
  EXPECT_THROW(command{}(), std::invalid_argument);
  EXPECT_THROW((command{{""}, 1}()), std::invalid_argument);
  EXPECT_THROW((command{{"true"}, 0}()), std::invalid_argument);
  EXPECT_THROW((command{{"true"}, 1.5}()), std::invalid_argument);
  EXPECT_THROW((command{.argv = {"true"}, .environment = {{"A=B", ""}}}()), std::invalid_argument);
  EXPECT_THROW((command{{"true"}}.with({.cpus = -1})()), std::invalid_argument);
}

TEST(Command, KeepsTheBeginningOfItsOutputAndTheEndOfItsErrors) {
  command one =
      shell("echo begin; head -c 3000000 /dev/zero; (head -c 900000 /dev/zero; echo end) >&2");
  one.output_bytes_max = 1000;
  const command_result result = got(one());
  EXPECT_EQ(result.output.size(), 1000U);
  EXPECT_TRUE(result.output.starts_with("begin\n"));
  EXPECT_EQ(result.output_bytes, 3'000'006U);
  EXPECT_EQ(result.last_error.size(), command_result::error_bytes_max);
  EXPECT_TRUE(result.last_error.ends_with("end\n"));
  EXPECT_EQ(result.error_bytes, 900'004U);
  EXPECT_EQ(got(shell("head -c 20000000 /dev/zero")()).output.size(), 20'000'000U);
}

// Neither in the background, nor in another session, nor with its output open.
TEST(Command, LeavesNothingBehind) {
  const command_result result =
      got(shell("setsid sleep 1000 & echo $!; (sleep 1000 & echo $!); sleep 1000 & echo $!")());
  std::istringstream processes{result.output};
  int count = 0;
  for (int process = 0; processes >> process; ++count) EXPECT_FALSE(is_alive(process)) << process;
  EXPECT_EQ(count, 3);
}

TEST(Command, DiesWithItsTask) {
  const scratch here;
  const placement_group group{{{.cpus = 1}}};
  command one = shell("setsid sleep 1000 & echo $! > below; echo $$ > own; sleep 1000");
  one.folder = here.path();
  const auto ref = one.with({.strategy = group.bundle(0)})();
  ASSERT_TRUE(eventually([&] { return !here.read("own").empty(); }));
  const int own = std::stoi(here.read("own"));
  const int below = std::stoi(here.read("below"));
  ASSERT_TRUE(is_alive(own) && is_alive(below));
  remove(group);
  EXPECT_THROW(got(ref), error);
  EXPECT_TRUE(eventually([&] { return !is_alive(own) && !is_alive(below); }));
}

TEST(Command, HoldsItsLeaseWhileItRuns) {
  const scratch here;
  // Each ends once it has seen the other.
  const std::string meet = "touch $1; until [ -e $2 ]; do sleep 0.01; done; nproc";
  command one{.argv = {"sh", "-c", meet, "sh", "a", "b"}, .folder = here.path()};
  command other{.argv = {"sh", "-c", meet, "sh", "b", "a"}, .folder = here.path()};
  const auto first = one();
  const auto second = other();
  EXPECT_EQ(got(first).status + got(second).status, 0);
  command long_one = shell("touch begun; until [ -e end ]; do sleep 0.01; done");
  long_one.folder = here.path();
  const auto all = long_one.with({.cpus = cpus_of_a_node(), .strategy = on_node{0}})();
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(here.path() + "/begun"); }));
  EXPECT_EQ(nodes().at(0).available.at("cpus"), 0);
  std::ofstream{here.path() + "/end"};
  EXPECT_TRUE(got(all).good());
  EXPECT_TRUE(all_is_free());
}

TEST(CommandOfRanks, IsAnMpiProgram) {
  const command_result result = got(command{.argv = {hello()}, .ranks = 2}());
  EXPECT_EQ(result.status, 0) << result.last_error;
  EXPECT_THAT(result.output, HasSubstr("rank 0 of 2 on"));
  EXPECT_THAT(result.output, HasSubstr("rank 1 of 2 on"));
}

TEST(CommandOfRanks, HasAStatusToo) {
  // Once the other has ended: a launcher may end it, else, and tell that.
  const scratch here;
  command one{{"sh", "-c",
               "[ ${OMPI_COMM_WORLD_RANK:-$SLURM_PROCID} -eq 0 ] || exec touch other; "
               "until [ -e other ]; do sleep 0.01; done; exit 4"},
              2};
  one.folder = here.path();
  EXPECT_EQ(got(one()).status, 4);
  EXPECT_EQ(got(command{{"sh", "-c", "kill -9 $$"}, 2}()).status, 128 + SIGKILL);
}

TEST(CommandOfRanks, HasItsGpusAndInputByRank) {
  // Of two that the node has.
  const auto ref = command{{"sh", "-c", "echo gpu $CUDA_VISIBLE_DEVICES"}, 2}.with(
      {.gpus = 1, .strategy = on_node{0}})();
  const std::string output = got(ref).output;
  EXPECT_THAT(output, HasSubstr("gpu 0\n"));
  EXPECT_THAT(output, HasSubstr("gpu 1\n"));
  const command_result fed = got(command{.argv = {"cat"}, .ranks = 2, .input = "once"}());
  EXPECT_EQ(fed.output, "once");
}

TEST(CommandOfRanks, RunsBesideOthers) {
  const auto first = command{.argv = {hello()}, .ranks = 2}();
  const auto second = command{.argv = {hello()}, .ranks = 2}();
  EXPECT_THAT(got(first).output, HasSubstr("of 2 on"));
  EXPECT_THAT(got(second).output, HasSubstr("of 2 on"));
}

TEST(CommandOfRanks, DiesWithItsTask) {
  const beating_ranks ranks{2};
  const placement_group group{{{.cpus = 2}}};
  const auto ref = ranks.program().with({.strategy = group.bundle(0)})();
  ASSERT_TRUE(eventually([&] { return ranks.all_beat(); }));
  remove(group);
  EXPECT_THROW(got(ref), error);
  EXPECT_TRUE(eventually([&] { return ranks.are_silent(); }));
}

// Wants all cpus of all nodes.
TEST(CommandOverNodes, HasRanksOnEachNode) {
  const auto count = static_cast<int>(cluster_resources().at("cpus"));
  const command_result result = got(command{.argv = {hello()}, .ranks = count}());
  EXPECT_EQ(result.status, 0) << result.last_error;
  const std::string of = " of " + std::to_string(count) + " on ";
  for (int rank = 0; rank < count; ++rank)
    EXPECT_THAT(result.output, HasSubstr("rank " + std::to_string(rank) + of));
  std::set<std::string> hosts;
  for (const node_state& node : nodes()) hosts.insert(node.host);
  for (const std::string& host : hosts)
    EXPECT_THAT(result.output, HasSubstr(" on " + host + " with"));
  EXPECT_TRUE(all_is_free());
}

TEST(CommandOverNodes, IsStartedByTheLauncherThatIsAskedFor) {
  const auto count = static_cast<int>(cluster_resources().at("cpus"));
  const command_result result =
      got(command{.argv = {hello()}, .ranks = count, .launcher = mpi_launcher::open_mpi}());
  EXPECT_EQ(result.status, 0) << result.last_error;
  EXPECT_THAT(result.output, HasSubstr("rank 0 of " + std::to_string(count)));
}

// The ranks on other hosts, too, and whoever started them.
TEST(CommandOverNodes, DiesWithTheProcessThatStartedIt) {
  const beating_ranks ranks{static_cast<int>(cluster_resources().at("cpus"))};
  const auto ref = ranks.program()();
  ASSERT_TRUE(eventually([&] { return ranks.all_beat(); }));
  std::set<int> workers;
  for (const int launcher : processes_named({"mpirun", "srun"}))
    workers.insert(worker_above(launcher));
  workers.erase(0);  // of other jobs
  ASSERT_EQ(workers.size(), 1U);
  ::kill(*workers.begin(), SIGKILL);
  EXPECT_THROW(got(ref), error);
  EXPECT_TRUE(eventually([&] { return ranks.are_silent(); }));
  EXPECT_TRUE(eventually([] { return all_is_free(); }));
}

TEST(CommandOverNodes, IsSpreadIfItIsAskedTo) {
  const auto ref = command{{"uname", "-n"}, node_count()}.with({.strategy = spread{}})();
  const command_result result = got(ref);
  EXPECT_EQ(result.status, 0) << result.last_error;
  // Each where hosts differ; the nodes of one host look alike to a command.
  std::istringstream lines{result.output};
  std::multiset<std::string> ran_on;
  for (std::string line; std::getline(lines, line);) ran_on.insert(line);
  std::multiset<std::string> hosts;
  for (const node_state& node : nodes()) hosts.insert(node.host);
  EXPECT_EQ(ran_on, hosts);
  EXPECT_TRUE(all_is_free());
}

TEST(StartedByARank, IsNoRank) {
  const std::string nested = "/proc/" + std::to_string(::getpid()) +
                             "/exe --cpus=1 --gtest_filter=Command.TellsItsStatus*";
  EXPECT_EQ(std::system(nested.c_str()), 0);
}

TEST(CommandOverNodes, FreesAllWhenItFails) {
  const auto count = static_cast<int>(cluster_resources().at("cpus"));
  EXPECT_FALSE(got(command{{"sh", "-c", "exit 5"}, count}()).good());
  EXPECT_THAT(failure_of(command{{"no-such-program"}, count}()), HasSubstr("no such program"));
  EXPECT_THROW(got(command{{"true"}, count + 1}()), infeasible);
  EXPECT_TRUE(all_is_free());
}

// The last of all. What is left of it then is seen by the scripts that start this program on
// several hosts.
TEST(CommandOverNodes, EndsWithTheJob) {
  const scratch here;
  const auto count = static_cast<std::size_t>(cluster_resources().at("cpus"));
  command one{{"sh", "-c", "touch begun.$$.$(cat /proc/sys/kernel/hostname); exec sleep 4242"},
              count};
  one.folder = here.path();
  const auto ref = one();
  EXPECT_TRUE(eventually([&] {
    const std::filesystem::directory_iterator files{here.path()};
    return static_cast<std::size_t>(std::distance(begin(files), end(files))) == count;
  }));
  EXPECT_FALSE(wait(std::vector{ref}, {.timeout = 0s}).ready.size());
}

}  // namespace
}  // namespace mobula::job
