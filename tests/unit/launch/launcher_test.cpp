#include "launch/launcher.hpp"

#include <gmock/gmock.h>

namespace mobula::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const environment rank_of_open_mpi{"OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=4",
                                   "PMIX_RANK=1", "PMIX_NAMESPACE=x", "PMIX_SERVER_URI2=y"};
const environment task_of_srun{"SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=6"};

environment with(environment variables, const environment& more) {
  variables.insert(variables.end(), more.begin(), more.end());
  return variables;
}

environment without(environment variables, std::string_view name) {
  std::erase_if(variables,
                [&](const std::string& one) { return one.starts_with(std::string{name} + "="); });
  return variables;
}

std::string refusal(const environment& variables, const surroundings& around = {}) {
  try {
    find_launcher(variables, around);
  } catch (const start_error& refused) {
    return refused.what();
  }
  return "(none)";
}

TEST(Launcher, IsNoneForAPlainStart) {
  const launcher found = find_launcher({"PATH=/bin"});
  EXPECT_EQ(found.kind, launcher_kind::none);
  EXPECT_FALSE(found.has_others());
}

TEST(Launcher, KnowsOpenMpi) {
  const launcher found = find_launcher(rank_of_open_mpi);
  EXPECT_EQ(found.kind, launcher_kind::open_mpi);
  EXPECT_EQ(found.ranks, 4U);
  EXPECT_FALSE(find_launcher({"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=1"}).has_others());
}

TEST(Launcher, KnowsSlurmByItsPmi) {
  const launcher found = find_launcher(
      with(task_of_srun, {"PMIX_RANK=0", "PMIX_NAMESPACE=slurm.1.0", "PMIX_SERVER_URI21=y"}));
  EXPECT_EQ(found.kind, launcher_kind::pmix);
  EXPECT_EQ(found.ranks, 6U);
}

TEST(Launcher, KnowsHydra) {
  const launcher found = find_launcher({"PMI_RANK=0", "PMI_SIZE=3", "PMI_FD=1"});
  EXPECT_EQ(found.kind, launcher_kind::pmi);
  EXPECT_EQ(found.ranks, 3U);
}

TEST(Launcher, CountsSlurmsRestarts) {
  EXPECT_EQ(restart_count({"PATH=/bin"}), 0U);
  EXPECT_EQ(restart_count({"SLURM_RESTART_COUNT=2", "SLURM_JOB_ID=7"}), 2U);
  EXPECT_EQ(restart_count({"SLURM_RESTART_COUNT="}), 0U);
  // Children hear of it, too.
  EXPECT_EQ(restart_count(without_rank({"SLURM_PROCID=1", "SLURM_RESTART_COUNT=2"})), 2U);
}

TEST(Launcher, AsksMpiWhenTheNumberIsNotToBeSeen) {
  EXPECT_TRUE(find_launcher({"PMIX_RANK=0", "PMIX_NAMESPACE=x", "PMIX_SERVER_URI=y"}).has_others());
}

TEST(Launcher, TakesABatchScriptForAPlainStart) {
  const launcher found = find_launcher({"SLURM_JOB_ID=7", "SLURM_PROCID=0", "SLURM_NTASKS=8"});
  EXPECT_EQ(found.kind, launcher_kind::none);
  EXPECT_FALSE(found.has_others());
}

TEST(Launcher, RefusesSrunWithoutAWayForTasksToMeet) {
  EXPECT_THROW(find_launcher({"SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=2"}),
               start_error);
  EXPECT_FALSE(
      find_launcher({"SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1"}).has_others());
}

TEST(Launcher, RefusesAnEnvironmentThatIsLeftOver) {
  EXPECT_THAT(refusal(without(rank_of_open_mpi, "OMPI_COMM_WORLD_SIZE")),
              HasSubstr("OMPI_COMM_WORLD_RANK is set, and OMPI_COMM_WORLD_SIZE is not"));
  EXPECT_THAT(refusal(without(rank_of_open_mpi, "OMPI_COMM_WORLD_RANK")),
              HasSubstr("OMPI_COMM_WORLD_SIZE is set, and OMPI_COMM_WORLD_RANK is not"));
  EXPECT_THAT(refusal(without(rank_of_open_mpi, "PMIX_RANK")), HasSubstr("PMIX_RANK is not"));
  EXPECT_THAT(refusal(without(rank_of_open_mpi, "PMIX_NAMESPACE")),
              HasSubstr("PMIX_NAMESPACE is not"));
  EXPECT_THAT(refusal(without(rank_of_open_mpi, "PMIX_SERVER_URI2")), HasSubstr("PMIX_SERVER_URI"));
  EXPECT_THAT(refusal(without(task_of_srun, "SLURM_STEP_NUM_TASKS")),
              HasSubstr("SLURM_STEP_NUM_TASKS is not"));
  EXPECT_THAT(refusal({"PMIX_RANK=0"}), HasSubstr("PMIX_NAMESPACE is not"));
  EXPECT_THAT(refusal({"PMIX_NAMESPACE=x"}), HasSubstr("PMIX_RANK is not"));
  EXPECT_THAT(refusal({"PMI_SIZE=2"}), HasSubstr("PMI_RANK is not"));
  // Each says what to do.
  EXPECT_THAT(refusal({"PMI_SIZE=2"}), HasSubstr("unset its variables"));
}

TEST(Launcher, RefusesWhatIsNoNumberOrNoRank) {
  EXPECT_THAT(refusal({"OMPI_COMM_WORLD_RANK=x", "OMPI_COMM_WORLD_SIZE=4"}),
              HasSubstr("OMPI_COMM_WORLD_RANK is \"x\", which is no number"));
  EXPECT_THAT(refusal({"OMPI_COMM_WORLD_RANK=4", "OMPI_COMM_WORLD_SIZE=4"}),
              HasSubstr("OMPI_COMM_WORLD_RANK is 4, and OMPI_COMM_WORLD_SIZE is 4"));
  EXPECT_THAT(refusal({"SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=2(x3)"}),
              HasSubstr("SLURM_STEP_NUM_TASKS"));
  EXPECT_THAT(refusal({"PMI_RANK=-1", "PMI_SIZE=4"}), HasSubstr("PMI_RANK"));
  EXPECT_THAT(refusal({"PMI_RANK=0", "PMI_SIZE=99999999999"}), HasSubstr("PMI_SIZE"));
  EXPECT_THAT(refusal({"PALS_RANKID="}), HasSubstr("PALS_RANKID"));
}

TEST(Launcher, RefusesOneThatHasEnded) {
  const environment variables = with(rank_of_open_mpi, {"PMIX_SERVER_TMPDIR=/tmp/ompi"});
  surroundings around;
  around.is_folder = [](const std::string& path) { return path == "/tmp/ompi"; };
  EXPECT_EQ(refusal(variables, around), "(none)");
  around.is_folder = [](const std::string&) { return false; };
  EXPECT_THAT(refusal(variables, around), HasSubstr("mpirun has ended"));

  const environment hydra{"PMI_RANK=0", "PMI_SIZE=2", "PMI_FD=9"};
  around.is_open = [](int descriptor) { return descriptor == 9; };
  EXPECT_EQ(refusal(hydra, around), "(none)");
  around.is_open = [](int) { return false; };
  EXPECT_THAT(refusal(hydra, around), HasSubstr("PMI_FD is 9"));
}

// It has the rank's variables, and the mark that the rank set.
TEST(Launcher, IsNoneForWhatARankHasStarted) {
  surroundings around;
  around.process = 100;
  const std::string mark = "MOBULA_RANK_OF=" + rank_mark(rank_of_open_mpi, 100);
  EXPECT_TRUE(find_launcher(with(rank_of_open_mpi, {mark}), around).has_others());
  around.process = 101;
  EXPECT_FALSE(find_launcher(with(rank_of_open_mpi, {mark}), around).has_others());
  // Ranks of a launcher that the rank has started are ranks again.
  environment others = without(rank_of_open_mpi, "PMIX_NAMESPACE");
  others.push_back("PMIX_NAMESPACE=z");
  EXPECT_TRUE(find_launcher(with(others, {mark}), around).has_others());
}

TEST(SlurmShare, IsThatOfTheNodeAndOfEachTaskOfSrun) {
  const environment job{"SLURM_CPUS_ON_NODE=8", "SLURM_CPUS_PER_TASK=2"};
  EXPECT_EQ(find_slurm_share({"PATH=/bin"}).of_host, 0U);
  EXPECT_EQ(find_slurm_share(job).of_host, 8U);
  EXPECT_EQ(find_slurm_share(job).of_rank, 0U);
  EXPECT_EQ(find_slurm_share(with(job, task_of_srun)).of_rank, 2U);
  // What mpirun starts has the variables of its daemon, a task that is the only one of its node.
  EXPECT_EQ(find_slurm_share(with(with(job, task_of_srun), rank_of_open_mpi)).of_rank, 0U);
  EXPECT_EQ(find_slurm_share({"SLURM_CPUS_ON_NODE=many"}).of_host, 0U);
  // salloc's shell on the first node, where a cluster has that, stands for the job.
  const environment shell{"SLURM_STEP_ID=4294967290", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1"};
  EXPECT_EQ(find_slurm_share(with(job, shell)).of_rank, 0U);
}

TEST(WithoutRank, KeepsTheJobsVariablesAndDropsTheRanks) {
  EXPECT_THAT(
      without_rank({"PATH=/bin", "OMPI_COMM_WORLD_RANK=0", "OMPI_MCA_ess=^singleton", "PMIX_RANK=0",
                    "PMI_FD=9", "PMI2_X=1", "PALS_RANKID=1", "HYDI_CONTROL_FD=5", "SLURM_PROCID=0",
                    "SLURM_LOCALID=0", "SLURM_NODEID=0", "SLURM_JOB_ID=7", "SLURM_NODELIST=n[1-2]",
                    "OMP_NUM_THREADS=2", "MOBULA_WAIT=spin", "EMPTY="}),
      ElementsAre("PATH=/bin", "SLURM_JOB_ID=7", "SLURM_NODELIST=n[1-2]", "OMP_NUM_THREADS=2",
                  "MOBULA_WAIT=spin", "EMPTY="));
}

TEST(WithoutRank, KeepsWhatUsersTellEveryMpirun) {
  const environment users{"OMPI_MCA_pml=ob1", "OMPI_MCA_btl_tcp_if_include=eth0",
                          "OMPI_MCA_plm_rsh_agent=ssh", "OMPI_ALLOW_RUN_AS_ROOT=1"};
  EXPECT_EQ(without_rank(users), users);
}

TEST(SetVariable, ReplacesInPlaceAndKeepsLongerNames) {
  environment variables{"AB=1", "A=2"};
  set_variable(variables, "A", "3");
  set_variable(variables, "C", "4");
  EXPECT_THAT(variables, ElementsAre("AB=1", "A=3", "C=4"));
  EXPECT_EQ(find_variable(variables, "A"), "3");
  EXPECT_EQ(find_variable(variables, "B"), std::nullopt);
  set_variables(variables, {"A=5=5", "D="});
  EXPECT_THAT(variables, ElementsAre("AB=1", "A=5=5", "C=4", "D="));
}

// An environment may have entries that are no variables.
TEST(NameIn, IsAllOfAnEntryWithoutAValue) {
  EXPECT_EQ(name_in("A=b=c"), "A");
  EXPECT_EQ(value_in("A=b=c"), "b=c");
  EXPECT_EQ(name_in("A"), "A");
  EXPECT_EQ(value_in("A"), "");
}

}  // namespace
}  // namespace mobula::launch
