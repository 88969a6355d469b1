#include "runtime/node_cores.hpp"

#include <gmock/gmock.h>

#include <string>

namespace mobula::detail {
namespace {

using hardware::thread_set;

constexpr std::int64_t unit = wire::resource_amounts::unit;

hardware::machine read(const std::string& source) {
  std::string refusal;
  const auto found = hardware::read_machine(source, hardware::look_for::cores_and_devices, refusal);
  EXPECT_EQ(refusal, "");
  return found;
}
std::string topology(const std::string& name) {
  return std::string{MOBULA_SOURCE_DIR} + "/tests/unit/hardware/topologies/" + name;
}
std::vector<thread_set> near_gpus(const hardware::machine& here) {
  std::vector<thread_set> all;
  for (const auto& one : here.devices) all.push_back(one.near);
  return all;
}

TEST(NodeCores, LieWhereTheMachineSaysAndAreThreadsOfTheNode) {
  const hardware::machine two = read("package:2 numa:1 l3:4 core:8 pu:2");
  const node_cores cores{two, *thread_set::parse("2-127")};
  EXPECT_EQ(cores.size(), 63U) << "the first is somebody else's";
  const auto places = cores.places({});
  EXPECT_EQ(places[0].group, 0U);
  EXPECT_EQ(places[62].group, 7U);
  EXPECT_EQ(places[62].package, 1U);
  core::core_books books{places};
  EXPECT_EQ(cores.threads_of(books.find(7 * unit)).text(), "2-15");
  EXPECT_EQ(cores.threads_of(books.find(32 * unit)).text(), "64-127");
  EXPECT_EQ(cores.threads_of({}).text(), "2-127") << "no cores of its own: all";
}

TEST(NodeCores, OfACoreOnlyTheNodesThreadsAreUsed) {
  const hardware::machine one = read("core:2 pu:2");
  const node_cores cores{one, *thread_set::parse("1-2")};
  EXPECT_EQ(cores.size(), 2U);
  EXPECT_EQ(cores.threads_of({{0, unit}}).text(), "1");
}

TEST(NodeCores, EachThreadIsOneWhereTheMachineCantBeRead) {
  const node_cores cores{{}, *thread_set::parse("4-6")};
  EXPECT_EQ(cores.size(), 3U);
  EXPECT_EQ(cores.threads_of({{1, unit}}).text(), "5");
}

TEST(NodeCores, OfDifferentKindsAreFastBeforeSlow) {
  const hardware::machine hybrid = read(topology("hybrid.xml"));
  const node_cores cores{hybrid, hybrid.threads()};
  core::core_books books{cores.places({})};
  const core::core_set four = books.find(4 * unit);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(four[i].number, i);
  books.take(four);
  EXPECT_EQ(books.find(8 * unit).size(), 8U);
}

TEST(NodeCores, EachOfEightGpusHasItsCoresBeside) {
  const hardware::machine eight = read(topology("eight_gpus.xml"));
  const node_cores cores{eight, eight.threads()};
  core::core_books books{cores.places(near_gpus(eight))};
  for (std::uint32_t gpu = 0; gpu < 8; ++gpu) {
    const core::core_set found = books.find(unit, {{gpu, unit}});
    thread_set threads = cores.threads_of(found);
    threads -= eight.devices[gpu].near;
    EXPECT_TRUE(threads.empty()) << gpu << " has " << cores.threads_of(found).text();
    EXPECT_TRUE(books.is_free(found));
    books.take(found);
  }
}

TEST(NodeCores, AMachineOfOneCoreHasIt) {
  const hardware::machine one = read("pu:1");
  const node_cores cores{one, one.threads()};
  const core::core_books books{cores.places({})};
  EXPECT_EQ(cores.threads_of(books.find(unit)).text(), "0");
  EXPECT_EQ(cores.threads_of(books.find(unit / 2)).text(), "0");
}

}  // namespace
}  // namespace mobula::detail
