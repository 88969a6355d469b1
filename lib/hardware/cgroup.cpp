#include "hardware/cgroup.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace mobula::hardware {

namespace {

namespace fs = std::filesystem;

/// Whether `word` stands in a list separated by commas.
bool lists(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

struct hierarchy {
  bool unified = false;    // v2
  std::string mounted_at;  // in the file system
  std::string root;        // which of its groups is mounted there
};

/// Where hierarchies that can limit cpu time are mounted.
std::vector<hierarchy> cpu_hierarchies(const fs::path& root) {
  std::vector<hierarchy> found;
  std::ifstream file{root / "proc/self/mountinfo"};
  for (std::string line; std::getline(file, line);) {
    // id parent device root mount-point options [optional...] - type source super-options
    std::istringstream words{line};
    std::string word, group, point, type, source, options;
    words >> word >> word >> word >> group >> point;
    while (words >> word && word != "-") {
    }
    words >> type >> source >> options;
    if (type == "cgroup2") {
      found.push_back({true, point, group});
    } else if (type == "cgroup" && lists(options, "cpu")) {
      found.push_back({false, point, group});
    }
  }
  return found;
}

/// The group of this process in a hierarchy.
std::optional<std::string> own_group(const fs::path& root, bool unified) {
  std::ifstream file{root / "proc/self/cgroup"};
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view controllers =
        std::string_view{line}.substr(first + 1, second - first - 1);
    if (unified ? controllers.empty() : lists(controllers, "cpu")) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<double> limit_v2(const fs::path& folder) {
  std::ifstream file{folder / "cpu.max"};
  std::string quota;
  double period = 0;
  // "max 100000" is no limit.
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return std::nullopt;
  return std::strtod(quota.c_str(), nullptr) / period;
}

std::optional<double> limit_v1(const fs::path& folder) {
  std::ifstream quota_file{folder / "cpu.cfs_quota_us"};
  std::ifstream period_file{folder / "cpu.cfs_period_us"};
  double quota = 0;
  double period = 0;
  if (!(quota_file >> quota) || !(period_file >> period)) return std::nullopt;
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> least;
  for (const hierarchy& one : cpu_hierarchies(root)) {
    auto group = own_group(root, one.unified);
    if (!group) continue;
    // In a container only its own part of the tree is mounted.
    if (one.root != "/" && group->starts_with(one.root)) group->erase(0, one.root.size());
    const fs::path top = root / fs::path{one.mounted_at}.relative_path();
    fs::path below = fs::path{*group}.relative_path().lexically_normal();
    // Every group above limits as well.
    for (;;) {
      const fs::path folder = below.empty() ? top : top / below;
      const auto limit = one.unified ? limit_v2(folder) : limit_v1(folder);
      if (limit && *limit > 0) least = std::min(least.value_or(*limit), *limit);
      if (below.empty()) break;
      below = below.parent_path();
    }
  }
  return least;
}

}  // namespace mobula::hardware
