#include "hardware/gpu.hpp"

#include <gtest/gtest.h>

#include "hardware/gpu_share.hpp"
#include "temporary_folder.hpp"

namespace mobula::hardware {
namespace {

TEST(GpuShare, DividesThemAmongNeighbours) {
  std::vector<gpu> all(8);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].uuid = "GPU-" + std::to_string(i);
  EXPECT_EQ(share_of(all, 0, 1).size(), 8U);
  EXPECT_EQ(share_of(all, 1, 2).front().uuid, "GPU-4");
  std::size_t given = 0;
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto mine = share_of(all, i, 3);
    EXPECT_EQ(mine.front().uuid, "GPU-" + std::to_string(given));
    EXPECT_GE(mine.size(), 2U);
    given += mine.size();
  }
  EXPECT_EQ(given, 8U);
  all.resize(1);
  EXPECT_EQ(share_of(all, 0, 2).size() + share_of(all, 1, 2).size(), 1U);
}

TEST(Mps, RunsWhereItsControlIs) {
  temporary_folder folder;
  EXPECT_FALSE(mps_runs(folder.path()));
  folder.file("control", "");
  EXPECT_TRUE(mps_runs(folder.path()));
}

// Whatever machine this is: without a driver there are none, and no error.
TEST(Gpus, OfThisMachineHaveNamesOfTheirOwn) {
  const gpu_list here = list_gpus();
  for (const gpu& one : here.gpus) {
    EXPECT_TRUE(one.uuid.starts_with("GPU-") || one.uuid.starts_with("MIG-")) << one.uuid;
    EXPECT_FALSE(one.name.empty());
    EXPECT_GT(one.memory_bytes, 0U);
    EXPECT_EQ(std::string{"0000:00:00.0"}.size(), one.pci_address.size()) << one.pci_address;
  }
}

}  // namespace
}  // namespace mobula::hardware
