#include "store/store_size.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

namespace mobula::store {

namespace {

constexpr unsigned share_percent = 30;
constexpr std::uint64_t unknown_host_bytes = std::uint64_t{256} << 20;
constexpr std::uint64_t no_limit = ~std::uint64_t{0};

// What is left for the store when each process that maps it has 8 bytes for each page of 4 KiB.
std::uint64_t without_page_tables(std::uint64_t bytes, const store_share& share) {
  return bytes / (512 + std::uint64_t{share.processes}) * 512;
}

// A line of /proc/meminfo; 0: there is none.
std::uint64_t machine_bytes(const std::string& root, const std::string& line) {
  std::ifstream file{root + "/proc/meminfo"};
  std::string name;
  std::uint64_t kib = 0;
  std::string unit;
  while (file >> name >> kib) {
    std::getline(file, unit);
    if (name == line) return kib * 1024;
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
  std::uint64_t smallest = no_limit;
  for (;;) {
    const std::string folder = hierarchy + (group == "/" ? "" : group);
    smallest = std::min(smallest, limit_in(folder + "/" + name).value_or(smallest));
    if (group.empty() || group == "/") return smallest;
    group.erase(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

std::uint64_t group_limit_bytes(const std::string& root) {
  std::uint64_t smallest = no_limit;
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

// What Slurm gave the job on this node; Slurm counts in MiB, and 0 is all there is.
std::uint64_t slurm_limit_bytes(const variable_lookup& variable) {
  const auto number = [&](std::string_view name) {
    const auto text = variable ? variable(name) : std::nullopt;
    return text ? std::strtoull(std::string{*text}.c_str(), nullptr, 10) : 0ULL;
  };
  std::uint64_t mib = number("SLURM_MEM_PER_NODE");
  if (mib == 0) mib = number("SLURM_MEM_PER_CPU") * number("SLURM_CPUS_ON_NODE");
  return mib == 0 ? no_limit : mib << 20;
}

std::string mib_in_words(std::uint64_t size) { return std::to_string(size >> 20) + "MiB"; }

}  // namespace

host_memory memory_of_host(const variable_lookup& variable, const std::string& root) {
  const std::uint64_t machine = machine_bytes(root, "MemTotal:");
  const std::uint64_t least = std::min(
      {machine == 0 ? no_limit : machine, group_limit_bytes(root), slurm_limit_bytes(variable)});
  return {least == no_limit ? 0 : least, machine_bytes(root, "MemAvailable:")};
}

std::uint64_t largest_store_bytes(const host_memory& host, const store_share& share) {
  const std::uint64_t usable = host.usable_bytes == 0 ? no_limit : host.usable_bytes;
  const std::uint64_t available = host.available_bytes == 0 ? no_limit : host.available_bytes;
  const std::uint64_t least = std::min(usable, available);
  if (least == no_limit) return 0;
  return without_page_tables(least / std::max(share.nodes_on_host, 1U), share);
}

std::uint64_t default_store_bytes(const host_memory& host, const store_share& share) {
  if (host.usable_bytes == 0) return std::max(unknown_host_bytes, store_bytes_min);
  const std::uint64_t part =
      host.usable_bytes / 100 * share_percent / std::max(share.nodes_on_host, 1U);
  const std::uint64_t wanted = std::max(without_page_tables(part, share), store_bytes_min);
  return std::min(wanted, largest_store_bytes(host, share));
}

store_size choose_store_size(std::uint64_t asked_bytes, const host_memory& host,
                             const store_share& share) {
  const std::uint64_t bytes = asked_bytes != 0 ? asked_bytes : default_store_bytes(host, share);
  const std::uint64_t largest = largest_store_bytes(host, share);
  if (largest != 0 && largest < store_bytes_min) {
    return {bytes, "there is no memory for an object store: this job may use " +
                       bytes_in_words(host.usable_bytes) + " here, the machine has " +
                       bytes_in_words(host.available_bytes) + " left, and with " +
                       std::to_string(share.nodes_on_host) +
                       " node(s) on it each could have at most " + bytes_in_words(largest) +
                       ", but needs " + bytes_in_words(store_bytes_min) +
                       "; give the job more memory or fewer nodes on this machine"};
  }
  if (bytes < store_bytes_min) {
    return {bytes, "an object store of " + bytes_in_words(bytes) +
                       " is too small: the results of one task must fit, and up to " +
                       bytes_in_words(store_bytes_min) +
                       " of them travel without it; set .store_bytes or MOBULA_STORE_BYTES to " +
                       mib_in_words(store_bytes_min) + " or more, or leave it unset"};
  }
  if (largest != 0 && bytes > largest) {
    return {bytes, "an object store of " + bytes_in_words(bytes) +
                       " is too large: this job may use " + bytes_in_words(host.usable_bytes) +
                       " here, the machine has " + bytes_in_words(host.available_bytes) +
                       " left, for " + std::to_string(share.nodes_on_host) +
                       " node(s) with page tables of " + std::to_string(share.processes) +
                       " processes each; set .store_bytes or MOBULA_STORE_BYTES to " +
                       mib_in_words(largest) + " or less, or leave it unset"};
  }
  return {bytes, {}};
}

}  // namespace mobula::store
