#include "store/numa_topology.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

namespace mobula::store {

namespace {

// Of linux/mempolicy.h, which not every system has.
constexpr int preferred = 1;
// More than any kernel has.
constexpr wire::numa_node nodes_max = 1024;

std::string first_line(const std::string& path) {
  std::string line;
  std::ifstream file{path};
  std::getline(file, line);
  return line;
}

// In the kernel's notation, "0-3,8"; what isn't that is left out.
std::vector<wire::numa_node> nodes_in(std::string_view text) {
  std::vector<wire::numa_node> all;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    wire::numa_node first = 0;
    const auto begun = std::from_chars(one.data(), one.data() + one.size(), first);
    if (begun.ec != std::errc{}) continue;
    wire::numa_node last = first;
    if (begun.ptr != one.data() + one.size() && *begun.ptr == '-')
      std::from_chars(begun.ptr + 1, one.data() + one.size(), last);
    for (; first <= last && first < nodes_max; ++first) all.push_back(first);
  }
  return all;
}

std::vector<wire::numa_node> allowed_nodes(const std::string& root) {
  constexpr std::string_view name = "Mems_allowed_list:";
  std::ifstream status{root + "/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(name)) continue;
    const std::size_t begin = line.find_first_not_of(" \t", name.size());
    return nodes_in(std::string_view{line}.substr(std::min(begin, line.size())));
  }
  return {};
}

// From a node to each of `online`; empty if the kernel doesn't tell.
std::vector<unsigned> distances_of(wire::numa_node node, std::size_t online,
                                   const std::string& folder) {
  std::istringstream row{first_line(folder + "/node" + std::to_string(node) + "/distance")};
  std::vector<unsigned> all;
  for (unsigned one = 0; row >> one;) all.push_back(one);
  return all.size() == online ? all : std::vector<unsigned>{};
}

}  // namespace

numa_topology numa_of_machine(const std::string& root) {
  const std::string folder = root + "/sys/devices/system/node";
  const auto online = nodes_in(first_line(folder + "/online"));
  const auto with_memory = nodes_in(first_line(folder + "/has_memory"));
  const auto allowed = allowed_nodes(root);
  const auto is_domain = [&](wire::numa_node node) {
    return std::ranges::count(with_memory, node) != 0 && std::ranges::count(allowed, node) != 0;
  };
  numa_topology found;
  found.nodes.clear();
  std::vector<std::size_t> columns;  // of the domains, in the kernel's rows
  for (std::size_t i = 0; i < online.size(); ++i) {
    if (!is_domain(online[i])) continue;
    found.nodes.push_back(online[i]);
    columns.push_back(i);
  }
  if (found.nodes.size() < 2) return {};
  found.distances.clear();
  found.nearest.assign(online.back() + std::size_t{1}, 0);
  for (const wire::numa_node node : online) {
    const auto all = distances_of(node, online.size(), folder);
    if (all.empty()) return {};
    std::vector<unsigned> row;
    for (const std::size_t column : columns) row.push_back(all[column]);
    found.nearest[node] = static_cast<unsigned>(std::ranges::min_element(row) - row.begin());
    if (is_domain(node)) found.distances.push_back(std::move(row));
  }
  return found;
}

wire::numa_node numa_node_here() {
  unsigned cpu = 0;
  unsigned node = 0;
  // Younger C libraries have a function for it.
  const bool known = ::syscall(SYS_getcpu, &cpu, &node, nullptr) == 0;
  return known ? node : wire::any_numa_node;
}

bool prefer_numa_node(int file, std::uint64_t size_bytes, wire::numa_node node) {
  if (node >= nodes_max) return false;
  void* const all =
      ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
  if (all == MAP_FAILED) return false;
  constexpr std::size_t bits = 8 * sizeof(unsigned long);
  unsigned long nodes[nodes_max / bits] = {};
  nodes[node / bits] = 1UL << node % bits;
  // The policy is the file's, and stays when the mapping goes. (The kernel reads a bit less.)
  const bool done = ::syscall(SYS_mbind, all, size_bytes, preferred, nodes, nodes_max + 1, 0) == 0;
  ::munmap(all, size_bytes);
  return done;
}

}  // namespace mobula::store
