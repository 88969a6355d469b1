#include "transport/ucx/fabric.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "temporary_folder.hpp"

namespace mobula::ucx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using names = std::vector<std::string>;

TEST(UnusedFabric, IsSaidWhereTcpIsTheOnlyTransport) {
  const std::string said = unused_fabric(names{"mlx5_0", "mlx5_1"}, "tcp");
  EXPECT_THAT(said, HasSubstr("(mlx5_0, mlx5_1)"));
  EXPECT_THAT(said, HasSubstr("ucx_info -d"));
  EXPECT_NE(unused_fabric(names{"mlx5_0"}, "cuda_copy, tcp"), "");
}

TEST(UnusedFabric, IsNoneWhereTheFabricIsUsedOrThereIsNone) {
  EXPECT_EQ(unused_fabric(names{"mlx5_0"}, "rc_mlx5, tcp"), "");
  EXPECT_EQ(unused_fabric(names{"efa_0"}, "srd"), "");
  EXPECT_EQ(unused_fabric(names{"mlx5_0"}, "cuda_copy, dc_mlx5"), "");
  EXPECT_EQ(unused_fabric(names{}, "tcp"), "");
  // Not linked with anybody yet.
  EXPECT_EQ(unused_fabric(names{"mlx5_0"}, ""), "");
}

TEST(FabricDevices, AreThoseThatTheKernelLists) {
  const temporary_folder folder;
  EXPECT_THAT(fabric_devices(folder.path().string()), ElementsAre());
  for (const char* one : {"infiniband/mlx5_1", "infiniband/mlx5_0", "cxi/cxi0", "net/eth0"})
    std::filesystem::create_directories(folder.path() / one);
  EXPECT_THAT(fabric_devices(folder.path().string()), ElementsAre("cxi0", "mlx5_0", "mlx5_1"));
}

}  // namespace
}  // namespace mobula::ucx
