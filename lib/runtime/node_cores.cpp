#include "runtime/node_cores.hpp"

namespace mobula::detail {

node_cores::node_cores(const hardware::machine& here, const hardware::thread_set& mine) {
  hardware::thread_set rest = mine;
  for (hardware::core one : here.cores) {
    rest -= one.threads;
    one.threads &= mine;
    if (!one.threads.empty()) cores_.push_back(std::move(one));
  }
  // Where the machine can't be read each thread counts as a core.
  for (const std::uint32_t thread : rest.list()) cores_.emplace_back().threads.add(thread);
}

std::vector<core::core_place> node_cores::places(
    const std::vector<hardware::thread_set>& near_gpus) const {
  std::vector<core::core_place> all;
  for (const hardware::core& one : cores_) {
    core::core_place& place = all.emplace_back();
    place = {one.group, one.numa_node, one.package, one.kind, {}};
    for (std::uint32_t gpu = 0; gpu < near_gpus.size(); ++gpu)
      if (near_gpus[gpu].overlaps(one.threads)) place.devices.push_back(gpu);
  }
  return all;
}

hardware::thread_set node_cores::threads_of(const core::core_set& cores) const {
  hardware::thread_set threads;
  for (const core::core_share& one : cores) threads |= cores_[one.number].threads;
  if (cores.empty())
    for (const hardware::core& one : cores_) threads |= one.threads;
  return threads;
}

}  // namespace mobula::detail
