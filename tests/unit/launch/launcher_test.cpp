#include "launch/launcher.hpp"

#include <gmock/gmock.h>

namespace mobula::launch {
namespace {

using ::testing::ElementsAre;

TEST(Launcher, IsNoneForAPlainStart) {
  const launcher found = find_launcher({"PATH=/bin"});
  EXPECT_EQ(found.kind, launcher_kind::none);
  EXPECT_FALSE(found.has_others());
}

TEST(Launcher, KnowsOpenMpi) {
  const launcher found = find_launcher(
      {"OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=4", "PMIX_RANK=1", "PMIX_NAMESPACE=x"});
  EXPECT_EQ(found.kind, launcher_kind::open_mpi);
  EXPECT_EQ(found.ranks, 4U);
  EXPECT_FALSE(find_launcher({"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=1"}).has_others());
}

TEST(Launcher, KnowsSlurmByItsPmi) {
  const launcher found =
      find_launcher({"SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=6", "PMIX_RANK=0",
                     "PMIX_NAMESPACE=slurm.1.0"});
  EXPECT_EQ(found.kind, launcher_kind::pmix);
  EXPECT_EQ(found.ranks, 6U);
}

TEST(Launcher, KnowsHydra) {
  const launcher found = find_launcher({"PMI_RANK=0", "PMI_SIZE=3", "PMI_FD=9"});
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
  EXPECT_TRUE(find_launcher({"PMIX_RANK=0", "PMIX_NAMESPACE=x"}).has_others());
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

TEST(WithoutRank, KeepsTheJobsVariablesAndDropsTheRanks) {
  EXPECT_THAT(
      without_rank({"PATH=/bin", "OMPI_COMM_WORLD_RANK=0", "OMPI_MCA_pml=ob1", "PMIX_RANK=0",
                    "PMI_FD=9", "PMI2_X=1", "PALS_RANKID=1", "HYDI_CONTROL_FD=5", "SLURM_PROCID=0",
                    "SLURM_LOCALID=0", "SLURM_NODEID=0", "SLURM_JOB_ID=7", "SLURM_NODELIST=n[1-2]",
                    "OMP_NUM_THREADS=2", "MOBULA_WAIT=spin", "EMPTY="}),
      ElementsAre("PATH=/bin", "SLURM_JOB_ID=7", "SLURM_NODELIST=n[1-2]", "OMP_NUM_THREADS=2",
                  "MOBULA_WAIT=spin", "EMPTY="));
}

TEST(SetVariable, ReplacesInPlaceAndKeepsLongerNames) {
  environment variables{"AB=1", "A=2"};
  set_variable(variables, "A", "3");
  set_variable(variables, "C", "4");
  EXPECT_THAT(variables, ElementsAre("AB=1", "A=3", "C=4"));
  EXPECT_EQ(find_variable(variables, "A"), "3");
  EXPECT_EQ(find_variable(variables, "B"), std::nullopt);
}

}  // namespace
}  // namespace mobula::launch
