#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "store/extent.hpp"
#include "temporary_folder.hpp"

namespace mobula::store {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr std::uint64_t store_bytes = 64 * mib;

// The kernel's flags of all mappings of extents in this process.
std::vector<std::string> flags_of_extents() {
  std::vector<std::string> all;
  std::ifstream maps{"/proc/self/smaps"};
  bool ours = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("mobula store") != std::string::npos) ours = true;
    if (ours && line.starts_with("VmFlags:")) {
      all.push_back(line + ' ');
      ours = false;
    }
  }
  return all;
}

// In a child, since it says so for the whole process.
template <class Body>
int status_of_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

int count_left_out() {
  auto one = extent::make(store_bytes);
  const extent_mapping reader{one->file(), extent_mapping::access::read};
  if (one->bytes().empty() || !reader) return 100;
  int count = 0;
  for (const std::string& flags : flags_of_extents())
    count += flags.find(" dd ") != std::string::npos ? 1 : 0;
  return count;
}

TEST(CoreDump, LeavesEveryMappingOutUnlessItIsAskedFor) {
  EXPECT_EQ(WEXITSTATUS(status_of_child([] { return count_left_out(); })), 2);
  EXPECT_EQ(WEXITSTATUS(status_of_child([] {
              dump_extents(true);
              return count_left_out();
            })),
            0);
}

TEST(CoreDump, WritersAskForLargePages) {
  auto one = extent::make(store_bytes);
  ASSERT_FALSE(one->bytes().empty());
  const auto flags = flags_of_extents();
  ASSERT_EQ(flags.size(), 1U);
  EXPECT_NE(flags[0].find(" hg "), std::string::npos) << flags[0];
}

// The kernel writes cores as files only if the machine's pattern says so (others pipe them to a
// program), and never as large as a sanitizer's address space.
bool cores_are_files_here() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;
#else
  std::string pattern;
  std::getline(std::ifstream{"/proc/sys/kernel/core_pattern"} >> std::ws, pattern);
  rlimit limit{};
  ::getrlimit(RLIMIT_CORE, &limit);
  return !pattern.empty() && pattern.find('/') == std::string::npos && pattern[0] != '|' &&
         limit.rlim_max == RLIM_INFINITY;
#endif
}

// Of a process with a full store.
std::uint64_t core_bytes(const temporary_folder& folder, bool dumped) {
  status_of_child([&] {
    if (::chdir(folder.path().c_str()) != 0) return 1;
    ::prctl(PR_SET_DUMPABLE, 1);
    std::ofstream{"/proc/self/coredump_filter"} << "0x33";  // as is usual
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_CORE, &all);
    dump_extents(dumped);
    auto one = extent::make(store_bytes);
    std::memset(one->bytes().data(), 42, store_bytes);
    std::abort();
  });
  std::uint64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator{folder.path()}) {
    bytes += file.file_size();
    std::filesystem::remove(file.path());
  }
  return bytes;
}

TEST(CoreDump, IsSmallerThanTheStoreUnlessItIsAskedFor) {
  if (!cores_are_files_here()) {
    // Then the flags above are all that can be seen.
    std::ifstream pattern{"/proc/sys/kernel/core_pattern"};
    EXPECT_TRUE(pattern.good());
    return;
  }
  const temporary_folder folder;
  const std::uint64_t without = core_bytes(folder, false);
  const std::uint64_t with = core_bytes(folder, true);
  EXPECT_GT(without, 0U);
  EXPECT_LT(without, store_bytes);
  EXPECT_GT(with, store_bytes);
  EXPECT_LT(with, without + store_bytes + mib);
}

}  // namespace
}  // namespace mobula::store
