#include "store/store_size.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "temporary_folder.hpp"

namespace mobula::store {
namespace {

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

/// A /proc and /sys as the tests want them.
class StoreSize : public testing::Test {
 protected:
  StoreSize() {
    write("/proc/meminfo",
          "MemTotal:       67108864 kB\nMemFree:        1 kB\n"
          "MemAvailable:   62914560 kB\n");
  }

  void write(const std::string& path, const std::string& text) {
    folder_.file(path.substr(1), text);
  }
  const temporary_folder folder_;
  const std::string root_ = folder_.path();
};

std::uint64_t usable(const std::string& root) { return memory_of_host({}, root).usable_bytes; }

TEST_F(StoreSize, IsThirtyPercentOfTheMachineSharedByItsLogicalNodesWithThePageTables) {
  const host_memory host = memory_of_host({}, root_);
  EXPECT_EQ(host.usable_bytes, 64 * gib);
  EXPECT_EQ(host.available_bytes, 60 * gib);
  const std::uint64_t part = 64 * gib / 100 * 30;
  EXPECT_EQ(default_store_bytes(host, {1, 0}), part / 512 * 512);
  EXPECT_EQ(default_store_bytes(host, {4, 0}), part / 4 / 512 * 512);
  for (const unsigned processes : {1U, 10U, 512U}) {
    // 512 processes that map all of it have page tables as large as the store itself.
    const std::uint64_t store = default_store_bytes(host, {1, processes});
    EXPECT_LE(store + store / 512 * processes, part);
    EXPECT_GT(store + store / 512 * processes, part - 2048);
  }
}

TEST_F(StoreSize, KeepsToTheControlGroupOfVersionTwoAndThoseAboveIt) {
  write("/proc/self/cgroup", "0::/system.slice/job_17/step_0\n");
  write("/sys/fs/cgroup/system.slice/job_17/step_0/memory.max", "max\n");
  EXPECT_EQ(usable(root_), 64 * gib);
  write("/sys/fs/cgroup/system.slice/job_17/memory.max", std::to_string(8 * gib) + "\n");
  EXPECT_EQ(usable(root_), 8 * gib);
  write("/sys/fs/cgroup/memory.max", std::to_string(4 * gib) + "\n");
  EXPECT_EQ(usable(root_), 4 * gib);
}

TEST_F(StoreSize, KeepsToTheControlGroupOfVersionOne) {
  write("/proc/self/cgroup", "12:cpu,cpuacct:/other\n5:memory:/slurm/job_17\n");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(usable(root_), 64 * gib);
  write("/sys/fs/cgroup/memory/slurm/job_17/memory.limit_in_bytes", std::to_string(2 * gib));
  EXPECT_EQ(usable(root_), 2 * gib);
}

TEST_F(StoreSize, KeepsToWhatSlurmGaveTheJob) {
  std::map<std::string, std::string, std::less<>> set;
  const auto with = [&](std::map<std::string, std::string, std::less<>> variables) {
    set = std::move(variables);
    const auto lookup = [&](std::string_view name) -> std::optional<std::string_view> {
      const auto found = set.find(name);
      if (found == set.end()) return std::nullopt;
      return found->second;
    };
    return memory_of_host(lookup, root_).usable_bytes;
  };
  EXPECT_EQ(with({{"SLURM_MEM_PER_NODE", "4096"}}), 4 * gib);
  EXPECT_EQ(with({{"SLURM_MEM_PER_CPU", "2048"}, {"SLURM_CPUS_ON_NODE", "6"}}), 12 * gib);
  EXPECT_EQ(with({{"SLURM_MEM_PER_CPU", "2048"}}), 64 * gib);
  EXPECT_EQ(with({{"SLURM_MEM_PER_NODE", "0"}}), 64 * gib);  // all there is
  EXPECT_EQ(with({{"SLURM_MEM_PER_NODE", "999999"}}), 64 * gib);
  EXPECT_EQ(with({}), 64 * gib);
}

TEST_F(StoreSize, OfThisMachineIsKnown) {
  const host_memory here = memory_of_host();
  EXPECT_GT(here.usable_bytes, 0U);
  EXPECT_GT(here.available_bytes, 0U);
  const store_size chosen = choose_store_size(0, here, {1, 4});
  EXPECT_EQ(chosen.refusal, "");
  EXPECT_GE(chosen.bytes, store_bytes_min);
  EXPECT_LT(chosen.bytes, here.usable_bytes);
}

TEST(ChosenStoreSize, IsWhatWasAskedForIfItCanBe) {
  const host_memory host{64 * gib, 60 * gib};
  for (const std::uint64_t asked : {store_bytes_min, gib, 50 * gib}) {
    EXPECT_EQ(choose_store_size(asked, host, {1, 10}).bytes, asked);
    EXPECT_EQ(choose_store_size(asked, host, {1, 10}).refusal, "");
  }
  EXPECT_EQ(choose_store_size(50 * gib, {}, {1, 10}).refusal, "");  // nobody knows better
  EXPECT_GE(choose_store_size(0, {}, {1, 10}).bytes, store_bytes_min);
}

TEST(ChosenStoreSize, IsRefusedWhenItIsTooSmallWithTheNumberToSet) {
  EXPECT_EQ(choose_store_size(5000, {64 * gib, 60 * gib}, {1, 10}).refusal,
            "an object store of 4.9 KiB is too small: the results of one task must fit, and up to "
            "16 MiB of them travel without it; set .store_bytes or MOBULA_STORE_BYTES to 16MiB or "
            "more, or leave it unset");
}

TEST(ChosenStoreSize, IsRefusedWhenItIsTooLargeWithTheNumberToSet) {
  const host_memory host{64 * gib, 60 * gib};
  EXPECT_EQ(choose_store_size(31 * gib, host, {2, 10}).refusal,
            "an object store of 31 GiB is too large: this job may use 64 GiB here, the machine has "
            "60 GiB left, for 2 node(s) with page tables of 10 processes each; set .store_bytes or "
            "MOBULA_STORE_BYTES to 30131MiB or less, or leave it unset");
  EXPECT_EQ(choose_store_size(std::uint64_t{30131} << 20, host, {2, 10}).refusal, "");
  EXPECT_NE(choose_store_size(8 * gib, {4 * gib, 60 * gib}, {1, 1}).refusal, "");
}

TEST(ChosenStoreSize, OfAMachineThatIsShortOfMemoryIsSmallerOrRefused) {
  const host_memory host{64 * gib, gib};
  const store_size small = choose_store_size(0, host, {1, 10});
  EXPECT_EQ(small.refusal, "");
  EXPECT_LT(small.bytes, gib);
  EXPECT_GT(small.bytes, gib / 100 * 95);
  const std::string refusal = choose_store_size(0, {64 * gib, gib / 100}, {1, 10}).refusal;
  EXPECT_NE(refusal.find("there is no memory for an object store"), std::string::npos) << refusal;
}

TEST(BytesInWords, AreShort) {
  EXPECT_EQ(bytes_in_words(12), "12 bytes");
  EXPECT_EQ(bytes_in_words(1536), "1.5 KiB");
  EXPECT_EQ(bytes_in_words(200 * gib / 1024), "200 MiB");
  EXPECT_EQ(bytes_in_words(7 * gib), "7.0 GiB");
}

}  // namespace
}  // namespace mobula::store
