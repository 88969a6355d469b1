#include "store/store_size.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace mobula::store {
namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

/// A /proc and /sys as the tests want them.
class StoreSize : public testing::Test {
 protected:
  StoreSize() {
    std::string name = testing::TempDir() + "mobula_store_size_XXXXXX";
    root_ = mkdtemp(name.data());
    write("/proc/meminfo", "MemTotal:       67108864 kB\nMemFree:        1 kB\n");
  }
  ~StoreSize() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path{root_ + path}.parent_path());
    std::ofstream{root_ + path} << text;
  }
  std::string root_;
};

TEST_F(StoreSize, IsThirtyPercentOfTheMachineSharedByItsLogicalNodes) {
  EXPECT_EQ(usable_memory_bytes(root_), 64 * gib);
  EXPECT_EQ(default_store_bytes(1, root_), 64 * gib / 100 * 30);
  EXPECT_EQ(default_store_bytes(4, root_), 64 * gib / 100 * 30 / 4);
}

TEST_F(StoreSize, KeepsToTheControlGroupOfVersionTwoAndThoseAboveIt) {
  write("/proc/self/cgroup", "0::/system.slice/job_17/step_0\n");
  write("/sys/fs/cgroup/system.slice/job_17/step_0/memory.max", "max\n");
  EXPECT_EQ(usable_memory_bytes(root_), 64 * gib);
  write("/sys/fs/cgroup/system.slice/job_17/memory.max", std::to_string(8 * gib) + "\n");
  EXPECT_EQ(usable_memory_bytes(root_), 8 * gib);
  write("/sys/fs/cgroup/memory.max", std::to_string(4 * gib) + "\n");
  EXPECT_EQ(usable_memory_bytes(root_), 4 * gib);
}

TEST_F(StoreSize, KeepsToTheControlGroupOfVersionOne) {
  write("/proc/self/cgroup", "12:cpu,cpuacct:/other\n5:memory:/slurm/job_17\n");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(usable_memory_bytes(root_), 64 * gib);
  write("/sys/fs/cgroup/memory/slurm/job_17/memory.limit_in_bytes", std::to_string(2 * gib));
  EXPECT_EQ(usable_memory_bytes(root_), 2 * gib);
}

TEST_F(StoreSize, OfThisMachineIsKnown) {
  EXPECT_GT(default_store_bytes(1), 0U);
  EXPECT_LT(default_store_bytes(1), usable_memory_bytes());
}

TEST(BytesInWords, AreShort) {
  EXPECT_EQ(bytes_in_words(12), "12 bytes");
  EXPECT_EQ(bytes_in_words(1536), "1.5 KiB");
  EXPECT_EQ(bytes_in_words(200 * gib / 1024), "200 MiB");
  EXPECT_EQ(bytes_in_words(7 * gib), "7.0 GiB");
}

}  // namespace
}  // namespace mobula::store
