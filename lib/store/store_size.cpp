#include "store/store_size.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

namespace mobula::store {

namespace {

constexpr unsigned share_percent = 30;

std::uint64_t machine_bytes(const std::string& root) {
  std::ifstream file{root + "/proc/meminfo"};
  std::string name;
  std::uint64_t kib = 0;
  std::string unit;
  while (file >> name >> kib) {
    std::getline(file, unit);
    if (name == "MemTotal:") return kib * 1024;
  }
  return 0;
}

// "max" and whatever else is no number are no limit.
std::optional<std::uint64_t> limit_in(const std::string& path) {
  std::ifstream file{path};
  std::uint64_t limit = 0;
  if (!(file >> limit)) return std::nullopt;
  return limit;
}

// The smallest limit from the group up to the root of its hierarchy. A group that can't be seen
// from here (a container shows its own as the root) has no limit that could be read.
std::uint64_t smallest_limit(const std::string& hierarchy, std::string group,
                             const std::string& name) {
  std::uint64_t smallest = ~std::uint64_t{0};
  for (;;) {
    const std::string folder = hierarchy + (group == "/" ? "" : group);
    smallest = std::min(smallest, limit_in(folder + "/" + name).value_or(smallest));
    if (group.empty() || group == "/") return smallest;
    group.erase(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

std::uint64_t group_limit_bytes(const std::string& root) {
  std::uint64_t smallest = ~std::uint64_t{0};
  std::ifstream file{root + "/proc/self/cgroup"};
  for (std::string line; std::getline(file, line);) {
    // hierarchy:controllers:path; version 2 has hierarchy 0 and no controllers.
    std::istringstream fields{line};
    std::string hierarchy;
    std::string controllers;
    std::string group;
    std::getline(fields, hierarchy, ':');
    std::getline(fields, controllers, ':');
    std::getline(fields, group);
    if (controllers.empty()) {
      smallest = std::min(smallest, smallest_limit(root + "/sys/fs/cgroup", group, "memory.max"));
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      smallest = std::min(
          smallest, smallest_limit(root + "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
    }
  }
  return smallest;
}

}  // namespace

std::uint64_t usable_memory_bytes(const std::string& root) {
  const std::uint64_t machine = machine_bytes(root);
  const std::uint64_t group = group_limit_bytes(root);
  if (machine == 0) return group == ~std::uint64_t{0} ? 0 : group;
  return std::min(machine, group);
}

std::uint64_t default_store_bytes(unsigned nodes_on_host, const std::string& root) {
  return usable_memory_bytes(root) / 100 * share_percent / std::max(nodes_on_host, 1U);
}

std::string bytes_in_words(std::uint64_t size) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
  if (size < 1024) return std::to_string(size) + " bytes";
  double amount = static_cast<double>(size) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < units.size(); ++unit) amount /= 1024;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), amount < 10 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
  return text.data();
}

}  // namespace mobula::store
