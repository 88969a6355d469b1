#pragma once

#include <string>

#include "hardware/gpu.hpp"

namespace mobula::hardware {

/// GPUs by NVIDIA's management library, which is a part of its driver. It touches no device, and
/// knows nothing of CUDA_VISIBLE_DEVICES.
class nvml final : public gpu_source {
 public:
  /// @param library  tests bring their own
  explicit nvml(std::string library = "libnvidia-ml.so.1") : library_{std::move(library)} {}
  gpu_list list() override;

 private:
  std::string library_;
};

}  // namespace mobula::hardware
