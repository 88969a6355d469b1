#include "launch/mpi_command.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "hardware/thread_set.hpp"
#include "launch/command.hpp"
#include "temporary_folder.hpp"

namespace mobula::launch {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::Not;
using words = std::vector<std::string>;

mpi_program solver() {
  mpi_program program;
  program.arguments = {"./solver", "in put"};
  program.variables = {"PATH=/bin", "SLURM_JOB_ID=7", "SLURM_NTASKS=9", "SLURM_CPU_BIND=quiet",
                       "SLURM_PMIX_FENCE=ring"};
  program.more_variables = {"OMP_NUM_THREADS=2", "PATH=/opt"};
  program.places = {
      {"a", "node1", "0-1", "GPU-1"}, {"a", "node1", "2-3", "GPU-2"}, {"b", "node2", "", ""}};
  return program;
}

/// What a launcher runs as each rank, once it has told which one it is.
command_line line_of_a_rank(const mpi_program& program) {
  const words all = command_for(mpi_launcher::open_mpi, program, false).arguments;
  command_line line;
  line.arguments.assign(std::ranges::find(all, "sh"), all.end());
  line.output_bytes_max = 1000;
  return line;
}

bool has_in_a_row(const words& all, const words& some) {
  return std::ranges::search(all, some).size() == some.size();
}

TEST(MpiCommand, IsOpenMpisWithHostsAndVariables) {
  const auto made = command_for(mpi_launcher::open_mpi, solver(), false);
  EXPECT_TRUE(has_in_a_row(made.arguments, {"-np", "3", "--host", "a:2,b:1"}));
  EXPECT_TRUE(has_in_a_row(made.arguments, {"-x", "OMP_NUM_THREADS", "-x", "PATH"}));
  EXPECT_TRUE(has_in_a_row(made.arguments, {"--bind-to", "none"}));
  EXPECT_TRUE(has_in_a_row(made.arguments,
                           {"sh", "3", "0-1/GPU-1", "2-3/GPU-2", "/", "./solver", "in put"}));
  EXPECT_THAT(made.variables, Contains("OMP_NUM_THREADS=2"));
  EXPECT_THAT(made.variables, Contains("PATH=/opt"));
  EXPECT_THAT(made.variables, Not(Contains("PATH=/bin")));
}

TEST(MpiCommand, IsMpichsWithHostsAndVariables) {
  const auto made = command_for(mpi_launcher::mpich, solver(), true);
  EXPECT_EQ(made.arguments.front(), "mpiexec");
  EXPECT_TRUE(has_in_a_row(made.arguments, {"-n", "3", "-hosts", "a:2,b:1"}));
  EXPECT_TRUE(
      has_in_a_row(made.arguments, {"-genv", "OMP_NUM_THREADS", "2", "-genv", "PATH", "/opt"}));
}

// Those of the step that it is started in would be options of the new one.
TEST(MpiCommand, IsAStepOfSlurmsWithoutTheOtherSteps) {
  mpi_program program = solver();
  const auto made = command_for(mpi_launcher::srun, program, false);
  EXPECT_THAT(made.arguments, Contains("--nodelist=node1,node1,node2"));
  EXPECT_THAT(made.arguments, Contains("--ntasks=3"));
  EXPECT_THAT(made.arguments, Contains("--overlap"));
  EXPECT_THAT(made.arguments, Contains("--mpi=pmix"));
  EXPECT_THAT(made.arguments, Contains("--input=none"));
  EXPECT_THAT(made.variables, ElementsAre("PATH=/opt", "SLURM_JOB_ID=7", "SLURM_PMIX_FENCE=ring",
                                          "OMP_NUM_THREADS=2"));
  // One launcher's host in the variables of all.
  program.places[2].slurm_host = "node1";
  EXPECT_THAT(command_for(mpi_launcher::srun, program, false).arguments,
              Contains("--nodelist=a,a,b"));
  program.has_input = true;
  EXPECT_THAT(command_for(mpi_launcher::srun, program, true).arguments, Contains("--mpi=pmi2"));
  EXPECT_THAT(command_for(mpi_launcher::srun, program, true).arguments, Contains("--input=0"));
}

// Its own step on the other hosts would wait for what ours holds.
TEST(MpiCommand, OfAnotherLauncherSharesTheJobOfSlurms) {
  mpi_program program = solver();
  program.variables.push_back("SLURMD_NODENAME=node1");
  for (const auto which : {mpi_launcher::open_mpi, mpi_launcher::mpich})
    EXPECT_THAT(command_for(which, program, false).variables,
                IsSupersetOf({"SLURM_JOB_ID=7", "SLURM_NTASKS=9", "SLURM_OVERLAP=1"}));
  // Not on one of its hosts it has nothing to do with it.
  program.variables = {"SLURM_JOB_ID=7", "SLURM_JOBID=7", "SLURM_NODELIST=a", "SLURM_CONF=/etc/s",
                       "SLURM_SUBMIT_HOST=login"};
  program.host = "login";
  EXPECT_THAT(command_for(mpi_launcher::open_mpi, program, false).variables,
              ElementsAre("SLURM_CONF=/etc/s", "OMP_NUM_THREADS=2", "PATH=/opt"));
}

// Each is told of all, which no single argument could hold.
TEST(MpiCommand, TellsEachOfThousandsOfRanksItsPlace) {
  mpi_program program;
  program.arguments = {"sh", "-c", "echo $CUDA_VISIBLE_DEVICES in $0, $1", "this", "and that"};
  for (int rank = 0; rank < 5000; ++rank) {
    const std::string number = std::to_string(rank);
    program.places.push_back({"a", "", "", "GPU-cd2ef1b5-1b2f-4f5a-9f0a-6ecbd2a1" + number});
  }
  command_line line = line_of_a_rank(program);
  for (const std::string rank : {"0", "1", "17", "4999"}) {
    line.variables = {"PATH=/bin:/usr/bin", "PMIX_RANK=" + rank};
    EXPECT_EQ(run_command(line, "launch_test").output,
              "GPU-cd2ef1b5-1b2f-4f5a-9f0a-6ecbd2a1" + rank + " in this, and that\n");
  }
}

TEST(MpiCommand, BindsEachRankToItsThreads) {
  const auto mine = hardware::thread_set::of_this_thread().list();
  mpi_program program;
  program.arguments = {"grep", "^Cpus_allowed_list:", "/proc/self/status"};
  const words threads{std::to_string(mine.front()), std::to_string(mine.back()), ""};
  for (const std::string& one : threads) program.places.push_back({"a", "", one, ""});
  command_line line = line_of_a_rank(program);
  for (std::size_t rank = 0; rank < threads.size(); ++rank) {
    line.variables = {"PATH=/bin:/usr/bin", "PMI_RANK=" + std::to_string(rank)};
    const auto expected =
        threads[rank].empty() ? hardware::thread_set::of_this_thread().text() : threads[rank];
    EXPECT_EQ(run_command(line, "launch_test").output, "Cpus_allowed_list:\t" + expected + "\n");
  }
  // One that is not of this machine.
  program.places = {{"a", "", "100000", ""}};
  line = line_of_a_rank(program);
  line.variables = {"PATH=/bin:/usr/bin", "PMI_RANK=0"};
  EXPECT_EQ(run_command(line, "launch_test").status.number, 126);
}

TEST(DefaultLauncher, IsThatOfTheMpiOutsideOfSlurm) {
  EXPECT_EQ(default_launcher({"PATH=/bin"}, "a", false), mpi_launcher::open_mpi);
  EXPECT_EQ(default_launcher({"PATH=/bin"}, "a", true), mpi_launcher::mpich);
  // A job of Slurm's in a container that has none of its programs.
  EXPECT_EQ(default_launcher({"PATH=/no/such", "SLURM_JOB_ID=7", "SLURMD_NODENAME=a"}, "a", false),
            mpi_launcher::open_mpi);
  // The shell of salloc on a login node, which has them.
  const temporary_folder programs;
  const std::string path = "PATH=" + programs.path().string();
  std::filesystem::create_symlink("/bin/true", programs.path() / "srun");
  const environment salloc{path, "SLURM_JOB_ID=7", "SLURM_SUBMIT_HOST=login"};
  EXPECT_EQ(default_launcher(salloc, "login", true), mpi_launcher::mpich);
  EXPECT_EQ(default_launcher(salloc, "a", true), mpi_launcher::srun);
  EXPECT_EQ(default_launcher({path, "SLURM_JOB_ID=7", "SLURMD_NODENAME=a"}, "a", true),
            mpi_launcher::srun);
}

TEST(Divide, GivesEachRankAsMuchInARow) {
  EXPECT_THAT(divide({"0", "1", "2", "3"}, 2, 2), ElementsAre(words{"0", "1"}, words{"2", "3"}));
  EXPECT_THAT(divide({"0", "1"}, 4, 0.5),
              ElementsAre(words{"0"}, words{"0"}, words{"1"}, words{"1"}));
  EXPECT_THAT(divide({"0"}, 3, 1), ElementsAre(words{"0"}, words{"0"}, words{"0"}));
  EXPECT_THAT(divide({}, 2, 1), ElementsAre(words{}, words{}));
  EXPECT_THAT(divide({"0", "1"}, 2, 0), ElementsAre(words{}, words{}));
  // Thirds, of which three make one.
  EXPECT_THAT(divide({"0", "1"}, 6, 1.0 / 3),
              ElementsAre(words{"0"}, words{"0"}, words{"0"}, words{"1"}, words{"1"}, words{"1"}));
  // A part of one is never a part of two.
  EXPECT_THAT(divide({"0", "1"}, 2, 0.7), ElementsAre(words{"0"}, words{"1"}));
  EXPECT_THAT(divide({"0", "1"}, 3, 0.4), ElementsAre(words{"0"}, words{"0"}, words{"1"}));
  EXPECT_THAT(divide({"0", "1"}, 3, 1), ElementsAre(words{"0"}, words{"0"}, words{"1"}));
}

TEST(ShareRanks, TakesFewNodesOrAllAndEvenly) {
  using shares = std::vector<std::uint32_t>;
  EXPECT_EQ(share_ranks(shares{4, 4, 4}, 6, false), (shares{3, 3, 0}));
  EXPECT_EQ(share_ranks(shares{4, 4, 4}, 6, true), (shares{2, 2, 2}));
  EXPECT_EQ(share_ranks(shares{1, 8, 0}, 9, false), (shares{1, 8, 0}));
  EXPECT_EQ(share_ranks(shares{1, 8, 0}, 6, true), (shares{1, 5, 0}));
  EXPECT_EQ(share_ranks(shares{2, 8, 3}, 4, false), (shares{0, 4, 0}));
  EXPECT_TRUE(share_ranks(shares{1, 1}, 3, false).empty());
  EXPECT_TRUE(share_ranks(shares{}, 1, true).empty());
}

}  // namespace
}  // namespace mobula::launch
