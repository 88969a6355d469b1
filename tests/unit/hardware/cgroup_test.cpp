#include "hardware/cgroup.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "temporary_folder.hpp"

namespace mobula::hardware {
namespace {

/// A root of a file system with what the kernel would show.
class Cgroup : public ::testing::Test {
 protected:
  void file(const std::string& path, const std::string& text) { folder_.file(path, text); }
  temporary_folder folder_;
  const std::filesystem::path& root_ = folder_.path();
};

TEST_F(Cgroup, WithoutAnyHasNoLimit) { EXPECT_EQ(cpu_quota(root_), std::nullopt); }

TEST_F(Cgroup, V2TakesTheLeastOfAllGroupsAbove) {
  file("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 none rw\n");
  file("proc/self/cgroup", "0::/slice/job/step\n");
  file("sys/fs/cgroup/slice/job/step/cpu.max", "max 100000\n");
  file("sys/fs/cgroup/slice/job/cpu.max", "250000 100000\n");
  file("sys/fs/cgroup/slice/cpu.max", "800000 100000\n");
  EXPECT_EQ(cpu_quota(root_), 2.5);
}

TEST_F(Cgroup, V2InAContainerIsMountedFromItsOwnGroup) {
  file("proc/self/mountinfo", "30 23 0:26 /box /sys/fs/cgroup rw - cgroup2 none rw\n");
  file("proc/self/cgroup", "0::/box\n");
  file("sys/fs/cgroup/cpu.max", "300000 100000\n");
  EXPECT_EQ(cpu_quota(root_), 3.0);
}

TEST_F(Cgroup, V1ReadsQuotaAndPeriodOfTheCpuController) {
  file("proc/self/mountinfo",
       "31 23 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
       "32 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
  file("proc/self/cgroup", "5:cpuset:/elsewhere\n4:cpu,cpuacct:/job\n0::/unified\n");
  file("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n");
  file("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "50000\n");
  file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpu_quota(root_), 3.0);
}

TEST_F(Cgroup, GarbageIsNoLimit) {
  file("proc/self/mountinfo",
       "nonsense\n\n30 23 - cgroup2\n30 23 0:26 / /sys rw - cgroup2 none rw");
  file("proc/self/cgroup", "::\nabc\n0::/x\n");
  file("sys/x/cpu.max", "lots of it\n");
  EXPECT_EQ(cpu_quota(root_), std::nullopt);
}

}  // namespace
}  // namespace mobula::hardware
