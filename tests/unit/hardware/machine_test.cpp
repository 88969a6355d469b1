#include "hardware/machine.hpp"

#include <gmock/gmock.h>

namespace mobula::hardware {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Devices of others alone: what hwloc asks for this machine's, libpciaccess, leaks.
machine read(const std::string& source) {
  std::string refusal;
  const look_for what = source.empty() ? look_for::cores : look_for::cores_and_devices;
  machine found = read_machine(source, what, refusal);
  EXPECT_EQ(refusal, "") << source;
  return found;
}
std::string topology(const std::string& name) {
  return std::string{MOBULA_SOURCE_DIR} + "/tests/unit/hardware/topologies/" + name;
}
std::string refusal_of(const std::string& source) {
  std::string refusal;
  EXPECT_THAT(read_machine(source, look_for::cores, refusal).cores, SizeIs(0));
  return refusal;
}

TEST(Machine, IsThisOneUnlessAnotherIsGiven) {
  const machine here = read("");
  EXPECT_TRUE(here.is_here);
  const thread_set mine = thread_set::of_this_thread();
  thread_set known = here.threads();
  known &= mine;
  EXPECT_EQ(known, mine) << "each thread of ours belongs to one of its cores";
  EXPECT_GT(here.memory_bytes(), 0U);
}

TEST(Machine, OfTwoSocketsHasItsCoresSideBySide) {
  const machine two = read("package:2 numa:1 l3:4 core:8 pu:2");
  EXPECT_FALSE(two.is_here);
  ASSERT_EQ(two.cores.size(), 64U);
  EXPECT_EQ(two.packages(), 2U);
  EXPECT_EQ(two.threads().count(), 128U);
  for (std::size_t i = 0; i < 64; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(two.cores[i].threads.count(), 2U);
    EXPECT_EQ(two.cores[i].package, i / 32);
    EXPECT_EQ(two.cores[i].numa_node, i / 32);
    EXPECT_EQ(two.cores[i].group, i / 8) << "those that share a cache";
    EXPECT_EQ(two.cores[i].kind, 0U);
  }
  ASSERT_EQ(two.memory.size(), 2U);
  EXPECT_EQ(two.memory[1].numa_node, 1U);
  ASSERT_EQ(two.caches.size(), 1U);
  EXPECT_EQ(two.caches[0].level, 3U);
  EXPECT_EQ(two.caches[0].count, 8U);
}

TEST(Machine, OfOneCoreIsOneToo) {
  const machine one = read("pu:1");
  ASSERT_EQ(one.cores.size(), 1U);
  EXPECT_EQ(one.cores[0].threads, thread_set::first(1));
  EXPECT_EQ(one.packages(), 1U);
}

TEST(Machine, OfDifferentCoresTellsTheFasterOnes) {
  const machine hybrid = read(topology("hybrid.xml"));
  ASSERT_EQ(hybrid.cores.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(hybrid.cores[i].kind, i < 4 ? 1U : 0U) << i;
}

TEST(Machine, TellsWhichCoresAreNextToItsGpus) {
  const machine eight = read(topology("eight_gpus.xml"));
  ASSERT_EQ(eight.cores.size(), 8U);
  ASSERT_EQ(eight.devices.size(), 8U) << "network cards are none";
  EXPECT_EQ(eight.devices[0].address, "0000:11:00.0");
  EXPECT_EQ(eight.devices[0].near.text(), "0-7");
  EXPECT_EQ(eight.devices[0].numa_node, 0U);
  EXPECT_EQ(eight.devices[7].address, "0000:84:00.0");
  EXPECT_EQ(eight.devices[7].near.text(), "8-15");
  EXPECT_EQ(eight.devices[7].numa_node, 1U);
}

TEST(Machine, ThatIsNoneIsRefusedInWords) {
  EXPECT_THAT(refusal_of("two sockets"), HasSubstr("not in hwloc's synthetic notation"));
  EXPECT_THAT(refusal_of("/no/such/file.xml"), HasSubstr("/no/such/file.xml"));
  EXPECT_THAT(refusal_of(std::string{MOBULA_SOURCE_DIR} + "/README.md"), HasSubstr("README.md"));
}

}  // namespace
}  // namespace mobula::hardware
