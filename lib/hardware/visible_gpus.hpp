#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hardware/gpu.hpp"

namespace mobula::hardware {

struct visible_gpus {
  std::vector<gpu> gpus;
  /// What of the variable was not understood, and what follows from that; empty: nothing.
  std::string complaint;
};

/// Which of the GPUs a process may use that finds this in CUDA_VISIBLE_DEVICES, in that order, as
/// CUDA understands it: numbers, UUIDs or their unambiguous beginnings, names of MIG instances. At
/// the first entry that is none of these, or stands there twice, the list ends. A number of a GPU
/// that MIG has cut stands for its first instance. GPUs that are closed to all (compute mode
/// "prohibited") are left out.
/// @param variable  nothing: it is not set, all are visible. Empty: none is
visible_gpus choose_visible(const gpu_list& all, std::optional<std::string_view> variable);

}  // namespace mobula::hardware
