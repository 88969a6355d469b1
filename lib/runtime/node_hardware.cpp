#include "runtime/node_hardware.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "hardware/gpu.hpp"
#include "hardware/gpu_share.hpp"
#include "hardware/machine.hpp"
#include "hardware/visible_gpus.hpp"

namespace mobula::detail {

namespace {

using hardware::gpu;
using hardware::machine;

// What any of the node's ranks may use.
std::vector<gpu> gpus_of(const hardware::gpu_list& all, const hardware_question& told) {
  std::vector<gpu> found;
  for (const visible_gpus_text& one : told.visible_gpus) {
    const auto chosen = hardware::choose_visible(
        all, one.is_set ? std::optional<std::string_view>{one.text} : std::nullopt);
    if (!chosen.complaint.empty())
      std::fprintf(stderr, "mobula: node %u: %s\n", unsigned{told.node}, chosen.complaint.c_str());
    for (const gpu& device : chosen.gpus)
      if (std::ranges::count(found, device) == 0) found.push_back(device);
  }
  return hardware::share_of(found, told.gpu_share, told.gpu_shares);
}

// Of the whole machine; its NUMA nodes may tell only of what a hypervisor has given them so far.
std::uint64_t physical_memory_bytes() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

gpu_description describe(const gpu& device, const machine& around, bool mps) {
  gpu_description one;
  one.uuid = device.uuid;
  one.name = device.name;
  one.part_of = device.part_of;
  one.pci_address = device.pci_address;
  one.memory_bytes = device.memory_bytes;
  one.can_be_shared = mps || device.mode == hardware::compute_mode::shared;
  const auto place =
      std::ranges::find(around.devices, device.pci_address, &hardware::pci_device::address);
  if (place != around.devices.end()) {
    one.threads = place->near.text();
    one.numa_node = place->numa_node;
  }
  return one;
}

}  // namespace

node_hardware look_at_node(const hardware_question& told) {
  node_hardware answer;
  node_description& found = answer.description;
  hardware::gpu_list all;
  if (told.looks_for_gpus) all = hardware::list_gpus();
  const std::vector<gpu> gpus = gpus_of(all, told);
  std::string refusal;
  const auto what =
      gpus.empty() ? hardware::look_for::cores : hardware::look_for::cores_and_devices;
  const machine here = hardware::read_machine(told.topology, what, refusal);
  if (!refusal.empty() && !told.topology.empty()) throw launch::start_error{refusal};
  const bool mps = !gpus.empty() && hardware::mps_runs(told.mps_folder);
  for (const gpu& device : gpus) found.gpus.push_back(describe(device, here, mps));
  hardware::thread_set mine = threads_in(told.threads);
  std::set<unsigned> packages, numa_nodes;
  for (const hardware::core& one : here.cores) {
    if (!one.threads.overlaps(mine)) continue;
    packages.insert(one.package);
    numa_nodes.insert(one.numa_node);
  }
  found.threads = told.threads;
  found.reserved_threads = told.reserved_threads;
  found.cores = told.cores;
  found.packages = static_cast<std::uint32_t>(packages.size());
  found.numa_nodes = static_cast<std::uint32_t>(numa_nodes.size());
  found.memory_bytes = here.is_here ? physical_memory_bytes() : here.memory_bytes();
  found.versions = {{"mobula", MOBULA_VERSION},
                    {"hwloc", "interface " + hardware::hwloc_version()}};
  if (!all.driver.empty()) found.versions.push_back({"gpu driver", all.driver});
  mine -= threads_in(told.reserved_threads);
  answer.cores = node_cores{here, mine};
  return answer;
}

}  // namespace mobula::detail
