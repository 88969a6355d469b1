#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mobula::hardware {

enum class compute_mode : std::uint8_t {
  shared,      // any number of processes
  exclusive,   // one process at a time
  prohibited,  // none
};

/// A device that CUDA can be told to use: a GPU, or an instance of one that is cut by MIG.
struct gpu {
  /// Its identity: "GPU-..." or "MIG-...", as CUDA_VISIBLE_DEVICES takes it.
  std::string uuid;
  std::string name;
  std::uint64_t memory_bytes = 0;
  std::string pci_address;  // as in pci_device
  compute_mode mode = compute_mode::shared;
  /// Of a MIG instance: the UUID of the GPU that it is a part of. Empty: a whole GPU.
  std::string part_of;

  bool is_part() const { return !part_of.empty(); }
  bool operator==(const gpu&) const = default;
};

/// The GPUs that somebody knows of.
struct gpu_list {
  /// In the order of their PCI addresses, which is how CUDA_VISIBLE_DEVICES counts when
  /// CUDA_DEVICE_ORDER is PCI_BUS_ID. Those that are cut by MIG are not among them, their instances
  /// are.
  std::vector<gpu> gpus;
  /// Of whole GPUs, those cut by MIG too: what a number in CUDA_VISIBLE_DEVICES stands for.
  std::vector<std::string> numbered;
  std::string driver;  // its version, for people
  /// Whether CUDA_VISIBLE_DEVICES has been applied by who knows them.
  bool is_filtered = false;
};

/// Knows GPUs. Tests bring their own.
class gpu_source {
 public:
  virtual ~gpu_source() = default;
  /// Empty where there is no driver: that is no error.
  virtual gpu_list list() = 0;
};

/// Those of this machine, by NVIDIA's management library, or by CUDA where that is missing.
gpu_list list_gpus();

/// Whether the service that lets processes share an exclusive GPU runs here (NVIDIA's MPS).
/// @param pipe_folder  of CUDA_MPS_PIPE_DIRECTORY; empty: its default
bool mps_runs(const std::string& pipe_folder);

}  // namespace mobula::hardware
