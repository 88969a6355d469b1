#pragma once

#include <string>

#include "hardware/gpu.hpp"

namespace mobula::hardware {

/// GPUs by CUDA's driver library, where NVIDIA's management library is missing, as in some
/// containers. It begins CUDA in this process, which is for one that runs no user code; it has
/// applied CUDA_VISIBLE_DEVICES.
class cuda_driver final : public gpu_source {
 public:
  /// @param library  tests bring their own
  explicit cuda_driver(std::string library = "libcuda.so.1") : library_{std::move(library)} {}
  gpu_list list() override;

 private:
  std::string library_;
};

}  // namespace mobula::hardware
