#include <hwloc.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "hardware/machine.hpp"

// hwloc stays in this file.

namespace mobula::hardware {

namespace {

struct destroyer {
  void operator()(hwloc_topology_t one) const { hwloc_topology_destroy(one); }
};
using topology = std::unique_ptr<hwloc_topology, destroyer>;

// Processing accelerators, which some GPUs call themselves; the others are displays.
constexpr unsigned class_display = 0x03;
constexpr unsigned class_accelerator = 0x12;

topology load(std::string_view source, look_for what, std::string& refusal) {
  hwloc_topology_t made = nullptr;
  if (hwloc_topology_init(&made) != 0) {
    refusal = "hwloc can't be started: there is no memory for it";
    return nullptr;
  }
  topology one{made};
  const std::string text{source};
  if (!source.empty()) {
    const bool is_file = text.find('/') != text.npos || text.ends_with(".xml");
    const int taken = is_file ? hwloc_topology_set_xml(made, text.c_str())
                              : hwloc_topology_set_synthetic(made, text.c_str());
    if (taken != 0) {
      refusal = "\"" + text + "\" is " +
                (is_file ? "no file of a topology in hwloc's XML that can be read"
                         : "not in hwloc's synthetic notation, such as \"package:2 core:32 pu:2\"");
      return nullptr;
    }
  }
  // What they add is of no use here, and takes long: they bind to each core in turn to ask it, or
  // begin the libraries of devices. Where one is missing there is nothing to leave out.
  for (const char* const slow : {"x86", "gl", "opencl", "cuda", "nvml", "rsmi", "levelzero"})
    hwloc_topology_set_components(made, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, slow);
  if (what == look_for::cores_and_devices)
    hwloc_topology_set_io_types_filter(made, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  if (hwloc_topology_load(made) != 0) {
    refusal = source.empty() ? "hwloc can't read this machine's cores"
                             : "hwloc can't read the topology \"" + text + "\"";
    return nullptr;
  }
  return one;
}

thread_set set_of(hwloc_const_bitmap_t threads) {
  thread_set all;
  if (threads == nullptr) return all;
  for (int i = hwloc_bitmap_first(threads); i >= 0; i = hwloc_bitmap_next(threads, i))
    all.add(static_cast<std::uint32_t>(i));
  return all;
}

unsigned first_of(hwloc_const_bitmap_t numbers) {
  const int first = numbers == nullptr ? -1 : hwloc_bitmap_first(numbers);
  return first < 0 ? 0 : static_cast<unsigned>(first);
}

bool is_shared(hwloc_obj_t above, hwloc_obj_t core) {
  return hwloc_bitmap_weight(above->cpuset) > hwloc_bitmap_weight(core->cpuset);
}

std::vector<core> cores_of(hwloc_topology_t from) {
  std::vector<core> all;
  std::map<hwloc_obj_t, unsigned> groups;
  const bool kinds_differ = hwloc_cpukinds_get_nr(from, 0) > 1;
  // Where the system doesn't tell of cores each hardware thread is one.
  const bool has_cores = hwloc_get_nbobjs_by_type(from, HWLOC_OBJ_CORE) > 0;
  const hwloc_obj_type_t type = has_cores ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
  for (hwloc_obj_t at = nullptr; (at = hwloc_get_next_obj_by_type(from, type, at)) != nullptr;) {
    core& one = all.emplace_back();
    one.threads = set_of(at->cpuset);
    one.numa_node = first_of(at->nodeset);
    const hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(from, HWLOC_OBJ_PACKAGE, at);
    if (package != nullptr) one.package = package->logical_index;
    hwloc_obj_t above = at->parent;
    while (above != nullptr && above->parent != nullptr && !is_shared(above, at))
      above = above->parent;
    one.group = groups.try_emplace(above, static_cast<unsigned>(groups.size())).first->second;
    if (kinds_differ) {
      const int kind = hwloc_cpukinds_get_by_cpuset(from, at->cpuset, 0);
      if (kind >= 0) one.kind = static_cast<unsigned>(kind);
    }
  }
  return all;
}

std::vector<memory_domain> memory_of(hwloc_topology_t from) {
  std::vector<memory_domain> all;
  for (hwloc_obj_t at = nullptr;
       (at = hwloc_get_next_obj_by_type(from, HWLOC_OBJ_NUMANODE, at)) != nullptr;)
    all.push_back({at->os_index, at->attr->numanode.local_memory});
  return all;
}

std::vector<cache_level> caches_of(hwloc_topology_t from) {
  std::vector<cache_level> all;
  for (unsigned level = 1; level <= 5; ++level) {
    const int depth = hwloc_get_cache_type_depth(from, level, HWLOC_OBJ_CACHE_UNIFIED);
    const int data = hwloc_get_cache_type_depth(from, level, HWLOC_OBJ_CACHE_DATA);
    const int at = depth >= 0 ? depth : data;
    if (at < 0) continue;
    const hwloc_obj_t first = hwloc_get_obj_by_depth(from, at, 0);
    all.push_back({level, first->attr->cache.size, hwloc_get_nbobjs_by_depth(from, at)});
  }
  return all;
}

std::vector<pci_device> devices_of(hwloc_topology_t from) {
  std::vector<pci_device> all;
  for (hwloc_obj_t at = nullptr; (at = hwloc_get_next_pcidev(from, at)) != nullptr;) {
    const auto& pci = at->attr->pcidev;
    const unsigned kind = pci.class_id >> 8;
    if (kind != class_display && kind != class_accelerator) continue;
    const hwloc_obj_t beside = hwloc_get_non_io_ancestor_obj(from, at);
    char address[32];
    std::snprintf(address, sizeof address, "%04x:%02x:%02x.%01x", unsigned{pci.domain},
                  unsigned{pci.bus}, unsigned{pci.dev}, unsigned{pci.func});
    all.push_back({address, set_of(beside->cpuset), first_of(beside->nodeset)});
  }
  return all;
}

}  // namespace

machine read_machine(std::string_view source, look_for what, std::string& refusal) {
  machine read;
  const topology from = load(source, what, refusal);
  if (!from) return read;
  read.cores = cores_of(from.get());
  read.memory = memory_of(from.get());
  read.caches = caches_of(from.get());
  read.devices = devices_of(from.get());
  read.is_here = hwloc_topology_is_thissystem(from.get()) != 0;
  if (read.cores.empty()) refusal = "hwloc finds no cores that this process may use";
  return read;
}

std::string hwloc_version() {
  const unsigned version = hwloc_get_api_version();
  return std::to_string(version >> 16) + "." + std::to_string(version >> 8 & 0xff) + "." +
         std::to_string(version & 0xff);
}

}  // namespace mobula::hardware
