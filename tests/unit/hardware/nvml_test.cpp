#include "hardware/nvml.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace mobula::hardware {
namespace {

class Nvml : public ::testing::Test {
 protected:
  ~Nvml() override { ::unsetenv("FAKE_GPUS"); }
  static gpu_list list(const char* known) {
    ::setenv("FAKE_GPUS", known, 1);
    return nvml{FAKE_NVML}.list();
  }
};

TEST_F(Nvml, TellsWhatIsKnownOfEachGpuInTheOrderOfTheBus) {
  const gpu_list found = list(
      "GPU-b,Card B,85899345920,00000000:AF:00.0,0,0\n"
      "GPU-a,Card A,17179869184,00000000:3B:00.0,3,0\n");
  ASSERT_EQ(found.gpus.size(), 2U);
  EXPECT_EQ(found.driver, "580.1");
  EXPECT_FALSE(found.is_filtered);
  const gpu& first = found.gpus[0];
  EXPECT_EQ(first.uuid, "GPU-a");
  EXPECT_EQ(first.name, "Card A");
  EXPECT_EQ(first.memory_bytes, 17179869184U);
  EXPECT_EQ(first.pci_address, "0000:3b:00.0");
  EXPECT_EQ(first.mode, compute_mode::exclusive);
  EXPECT_FALSE(first.is_part());
  EXPECT_EQ(found.gpus[1].uuid, "GPU-b");
  EXPECT_EQ(found.gpus[1].mode, compute_mode::shared);
  EXPECT_EQ(found.numbered, (std::vector<std::string>{"GPU-a", "GPU-b"}));
}

TEST_F(Nvml, OfAGpuThatIsCutItsInstancesStandInItsPlace) {
  const gpu_list found = list(
      "GPU-a,Card,40,00000000:01:00.0,0,7\n"
      " MIG-1,Card MIG 1g,5,,0,0\n"
      " MIG-2,Card MIG 2g,10,,0,0\n"
      "GPU-b,Card,40,00000000:02:00.0,2,0\n");
  ASSERT_EQ(found.gpus.size(), 3U);
  EXPECT_EQ(found.gpus[0].uuid, "MIG-1");
  EXPECT_EQ(found.gpus[0].part_of, "GPU-a");
  EXPECT_EQ(found.gpus[0].pci_address, "0000:01:00.0");
  EXPECT_EQ(found.gpus[1].uuid, "MIG-2");
  EXPECT_EQ(found.gpus[1].memory_bytes, 10U);
  EXPECT_EQ(found.gpus[2].mode, compute_mode::prohibited);
  EXPECT_EQ(found.numbered, (std::vector<std::string>{"GPU-a", "GPU-b"}));
}

TEST_F(Nvml, WhatThisProcessMayNotOpenIsNotCounted) {
  const gpu_list found = list(
      "closed,Card,40,00000000:01:00.0,0,0\n"
      "GPU-b,Card,40,00000000:02:00.0,0,0\n");
  ASSERT_EQ(found.gpus.size(), 1U);
  EXPECT_EQ(found.numbered, (std::vector<std::string>{"GPU-b"}));
}

TEST_F(Nvml, WithoutADriverThereAreNone) {
  const gpu_list found = nvml{FAKE_NVML}.list();  // it refuses to start
  EXPECT_TRUE(found.gpus.empty());
  EXPECT_TRUE(found.driver.empty());
}

TEST_F(Nvml, WithoutTheLibraryThereAreNone) {
  EXPECT_TRUE(nvml{"libno-such-thing.so.1"}.list().gpus.empty());
}

TEST_F(Nvml, ALibraryThatIsSomethingElseIsAsNone) {
  EXPECT_TRUE(nvml{"libm.so.6"}.list().gpus.empty());
}

}  // namespace
}  // namespace mobula::hardware
