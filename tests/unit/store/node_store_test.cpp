#include "store/node_store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "store/mapper.hpp"

namespace mobula::store {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

node_store_options options(std::uint64_t capacity, std::uint64_t extent_bytes = 4 * mib) {
  return {3, 7, "nodeA", {capacity, extent_bytes}};
}

// What a process of the node gets: the files come from the store itself instead of over a socket.
mapper mapper_of(node_store& store) {
  return mapper{[&store](std::uint32_t extent) {
    const int file = store.extent_file(extent);
    return descriptor{file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, 0)};
  }};
}

std::uint64_t resident_bytes(int file) {
  struct stat status {};
  fstat(file, &status);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

TEST(NodeStore, WhatTheMakerWritesTheReaderReads) {
  node_store store{options(64 * mib)};
  const auto made = store.allocate(1'000'000);
  ASSERT_FALSE(made.error);
  EXPECT_EQ(made.where.node, 3);
  EXPECT_EQ(made.where.incarnation, 7U);
  EXPECT_EQ(made.where.size_bytes, 1'000'000U);
  EXPECT_EQ(made.where.offset % 64, 0U);

  const pid_t maker = fork();
  if (maker == 0) {
    auto mine = mapper_of(store);
    const auto room = mine.writable(made.where);
    std::memset(room.data(), 42, room.size());
    _exit(room.size() == 1'000'000 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(maker, &status, 0), maker);
  EXPECT_EQ(status, 0);

  auto reader = mapper_of(store);
  const auto seen = reader.readable(made.where);
  ASSERT_EQ(seen.size(), 1'000'000U);
  EXPECT_EQ(seen.front(), std::byte{42});
  EXPECT_EQ(seen.back(), std::byte{42});
  EXPECT_EQ(reader.readable(made.where).data(), seen.data());  // mapped once
  EXPECT_EQ((*store.bytes(made.where))[500'000], std::byte{42});
}

TEST(NodeStore, AReaderThatWritesIsKilledNotTheData) {
  node_store store{options(64 * mib)};
  const auto made = store.allocate(4096);
  auto reader = mapper_of(store);
  const auto seen = reader.readable(made.where);
  ASSERT_FALSE(seen.empty());
  EXPECT_DEATH(*const_cast<volatile std::byte*>(seen.data()) = std::byte{1}, "");
}

TEST(NodeStore, NobodyCanShrinkAnExtentUnderTheOthers) {
  node_store store{options(64 * mib)};
  const auto made = store.allocate(4096);
  EXPECT_NE(ftruncate(store.extent_file(made.where.extent), 0), 0);
  EXPECT_NE(ftruncate(store.extent_file(made.where.extent), 1 << 30), 0);
}

TEST(NodeStore, MappingsAreLeftOutOfCoreDumps) {
  node_store store{options(64 * mib)};
  const auto made = store.allocate(4096);
  auto mine = mapper_of(store);
  ASSERT_FALSE(mine.readable(made.where).empty());
  ASSERT_FALSE(mine.writable(made.where).empty());
  ASSERT_TRUE(store.bytes(made.where));
  std::ifstream maps{"/proc/self/smaps"};
  int mappings = 0;
  bool ours = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("mobula store") != std::string::npos) ours = true;
    if (ours && line.starts_with("VmFlags:")) {
      EXPECT_NE(line.find(" dd"), std::string::npos) << line;
      ours = false;
      ++mappings;
    }
  }
  EXPECT_EQ(mappings, 3);
}

TEST(NodeStore, RefusesLocationsThatAreNotItsOwn) {
  node_store store{options(64 * mib)};
  const auto made = store.allocate(4096);
  auto reader = mapper_of(store);
  ASSERT_TRUE(store.bytes(made.where));

  std::vector<wire::location> garbage(8, made.where);
  garbage[0].node = 2;
  garbage[1].incarnation = 8;
  garbage[2].extent = 1000;
  garbage[3].generation += 1;
  garbage[4].offset = 64;
  garbage[5].size_bytes = 1 << 30;
  garbage[6].offset = ~std::uint64_t{0} - 63;
  garbage[7].size_bytes = ~std::uint64_t{0};
  for (const auto& one : garbage) EXPECT_FALSE(store.bytes(one));

  EXPECT_TRUE(reader.readable(garbage[2]).empty());
  EXPECT_TRUE(reader.readable(garbage[5]).empty());
  EXPECT_TRUE(reader.readable(garbage[6]).empty());
  EXPECT_TRUE(reader.readable(garbage[7]).empty());
  garbage[0].extent = ~std::uint32_t{0};
  EXPECT_TRUE(reader.readable(garbage[0]).empty());
}

TEST(NodeStore, AFullStoreSaysSoInNumbersAndWhatToDo) {
  node_store store{options(8 * mib)};
  const auto first = store.allocate(5 * mib);
  ASSERT_FALSE(first.error);
  const auto second = store.allocate(4 * mib);
  ASSERT_TRUE(second.error);
  EXPECT_EQ(second.error->code, wire::error_code::store_full);
  EXPECT_EQ(second.error->what,
            "the object store of node 3 (nodeA) has no room for 4.0 MiB: of its 8.0 MiB, 5.0 MiB "
            "are in use by 1 object, and about 3.0 MiB are free in one piece; let go of refs that "
            "are no longer needed, or give it more with .store_bytes or MOBULA_STORE_BYTES");
  const auto third = store.allocate(std::uint64_t{1} << 40);
  ASSERT_TRUE(third.error);
  EXPECT_NE(third.error->what.find("no room for 1.0 TiB: it may have 8.0 MiB in all"),
            std::string::npos)
      << third.error->what;
  store.release(first.where);
  EXPECT_FALSE(store.allocate(4 * mib).error);
}

TEST(NodeStore, GivesTheMemoryOfEmptyExtentsBackThatNothingNeededForLong) {
  node_store store{options(64 * mib)};
  std::vector<wire::location> all;
  for (int i = 0; i < 16; ++i) {
    all.push_back(store.allocate(4 * mib).where);
    std::memset(store.bytes(all.back())->data(), 1, 4 * mib);
  }
  const auto resident = [&] {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; store.extent_file(i) >= 0; ++i)
      sum += resident_bytes(store.extent_file(i));
    return sum;
  };
  EXPECT_EQ(resident(), 64 * mib);
  for (const auto& one : all) store.release(one);
  std::uint64_t now_ns = 0;
  const auto next_tick = [&] {
    now_ns = store.next_deadline_ns();
    store.tick(now_ns);
  };
  store.tick(now_ns);
  EXPECT_EQ(store.next_deadline_ns(), node_store::idle_ns_min);
  store.tick(store.next_deadline_ns() - 1);
  next_tick();  // until now it might have been needed
  EXPECT_EQ(resident(), 64 * mib);
  next_tick();
  EXPECT_EQ(resident(), 16 * mib);  // the warm quarter
  store.tick(now_ns + 1);
  EXPECT_EQ(store.next_deadline_ns(), ~std::uint64_t{0});
  EXPECT_EQ(store.in_use_bytes(), 0U);
}

TEST(NodeStore, WarmsUpMemoryAheadAsMuchAsWasAskedForUpToItsLimit) {
  auto how = options(256 * mib, 16 * mib);
  how.warm_ahead_bytes = 24 * mib;
  node_store store{how};
  const auto resident = [&] {
    store.finish_warming();
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; store.extent_file(i) >= 0; ++i)
      sum += resident_bytes(store.extent_file(i));
    return sum;
  };
  EXPECT_EQ(resident(), 0U);
  // The blocks themselves are not written here: all memory is what was warmed up.
  ASSERT_FALSE(store.allocate(100).error);
  EXPECT_EQ(resident(), 0U);
  ASSERT_FALSE(store.allocate(4 * mib).error);
  EXPECT_EQ(resident(), 4 * mib + 4096);
  for (int i = 0; i < 5; ++i) ASSERT_FALSE(store.allocate(4 * mib).error);
  EXPECT_GE(resident(), 20 * mib);
  EXPECT_LE(resident(), (24 + 24) * mib);
  // Never more than the store may have, and whoever needs it has it.
  std::uint64_t count = 0;
  while (!store.allocate(8 * mib).error) ++count;
  EXPECT_GE(store.in_use_bytes(), 248 * mib);
  EXPECT_LE(resident(), 256 * mib);
}

// What the action comes to where the process can open no file.
auto without_descriptors(const auto& action) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &none);
  auto result = action();
  setrlimit(RLIMIT_NOFILE, &before);
  return result;
}

TEST(NodeStore, GoesOnWhereTheSystemHasNothingToWarmUp) {
  auto how = options(64 * mib);
  how.warm_ahead_bytes = 16 * mib;
  node_store store{how};
  const auto first = store.allocate(mib);
  ASSERT_FALSE(first.error);
  // There is room in the first extent; what it would warm up further can't be made.
  const auto second = without_descriptors([&] { return store.allocate(2 * mib); });
  EXPECT_FALSE(second.error);
  while (true) {
    const auto made = store.allocate(mib);
    if (made.error) break;
    ASSERT_TRUE(store.bytes(made.where));
  }
  EXPECT_EQ(store.in_use_bytes(), 64 * mib);
}

TEST(NodeStore, WhatTheSystemRefusesIsAnErrorNotACrash) {
  node_store store{options(64 * mib)};
  const auto first = store.allocate(4 * mib);
  ASSERT_FALSE(first.error);
  const auto second = without_descriptors([&] { return store.allocate(4 * mib); });
  ASSERT_TRUE(second.error);
  EXPECT_EQ(second.error->code, wire::error_code::store_full);
  EXPECT_NE(second.error->what.find("Too many open files"), std::string::npos)
      << second.error->what;
  const auto third = store.allocate(4 * mib);
  EXPECT_FALSE(third.error);
  EXPECT_TRUE(store.bytes(third.where));
  EXPECT_EQ(store.blocks(), 2U);
}

TEST(NodeStore, AnExtentBeyondTheLimitOfFilesIsAnErrorThatNamesIt) {
  node_store store{options(64 * mib)};
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 8 * mib;
  const auto handler = signal(SIGXFSZ, SIG_IGN);  // as the scheduler does
  setrlimit(RLIMIT_FSIZE, &small);
  const auto large = store.allocate(16 * mib);
  const auto other = store.allocate(4 * mib);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  ASSERT_TRUE(large.error);
  EXPECT_EQ(large.error->code, wire::error_code::store_full);
  EXPECT_NE(large.error->what.find("File too large), raise ulimit -f"), std::string::npos)
      << large.error->what;
  EXPECT_FALSE(other.error);
  EXPECT_FALSE(store.allocate(16 * mib).error);
}

// Two domains far from each other, nodes 1 and 3 of the machine; node 2 has no memory.
numa_topology two_domains() { return {{1, 3}, {{10, 32}, {32, 10}}, {0, 0, 1, 1}}; }

TEST(NodeStore, OfSeveralDomainsGivesEachProcessMemoryOfItsOwn) {
  auto how = options(64 * mib);
  how.numa = two_domains();
  how.warm_ahead_bytes = 2 * mib;
  node_store store{how};
  const auto extent_for = [&](wire::numa_node node, std::uint64_t size) {
    const auto made = store.allocate_near(node, size);
    EXPECT_FALSE(made.error);
    EXPECT_TRUE(store.bytes(made.where));
    return made.where.extent;
  };
  const std::uint32_t first = extent_for(1, 1000);
  const std::uint32_t second = extent_for(3, 1000);
  EXPECT_NE(first, second);
  EXPECT_EQ(extent_for(2, 1000), second);
  EXPECT_EQ(extent_for(1, mib), first);
  EXPECT_NE(extent_for(1, 8 * mib), extent_for(3, 8 * mib));
  // Nobody's wish, and numbers that are none, are served as well.
  for (const wire::numa_node node : {wire::any_numa_node, wire::numa_node{0}, wire::numa_node{99}})
    extent_for(node, 1000);
  // One domain's processes may have all there is.
  while (!store.allocate_near(3, mib).error) {
  }
  EXPECT_GE(store.in_use_bytes(), 63 * mib);
}

}  // namespace
}  // namespace mobula::store
