#include "hardware/cuda_driver.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace mobula::hardware {
namespace {

class CudaDriver : public ::testing::Test {
 protected:
  ~CudaDriver() override { ::unsetenv("FAKE_GPUS"); }
};

TEST_F(CudaDriver, TellsWhatCudaShows) {
  ::setenv("FAKE_GPUS",
           "0123456789abcdef,Card A,1000,0000:3B:00.0,0,0\n"
           "0123456789abcdeg,Card A MIG 1g.10gb,10,0000:AF:00.0,3,0\n",
           1);
  const gpu_list found = cuda_driver{FAKE_CUDA}.list();
  EXPECT_TRUE(found.is_filtered) << "CUDA has applied CUDA_VISIBLE_DEVICES";
  EXPECT_EQ(found.driver, "CUDA 12.4");
  ASSERT_EQ(found.gpus.size(), 2U);
  EXPECT_EQ(found.gpus[0].uuid, "GPU-30313233-3435-3637-3839-616263646566");
  EXPECT_EQ(found.gpus[0].name, "Card A");
  EXPECT_EQ(found.gpus[0].memory_bytes, 1000U);
  EXPECT_EQ(found.gpus[0].pci_address, "0000:3b:00.0");
  EXPECT_EQ(found.gpus[0].mode, compute_mode::shared);
  EXPECT_EQ(found.gpus[1].uuid, "MIG-30313233-3435-3637-3839-616263646567");
  EXPECT_EQ(found.gpus[1].mode, compute_mode::exclusive);
}

TEST_F(CudaDriver, WithoutADriverOrTheLibraryThereAreNone) {
  EXPECT_TRUE(cuda_driver{FAKE_CUDA}.list().gpus.empty());
  EXPECT_TRUE(cuda_driver{"libno-such-thing.so.1"}.list().gpus.empty());
  EXPECT_TRUE(cuda_driver{"libm.so.6"}.list().gpus.empty());
}

}  // namespace
}  // namespace mobula::hardware
