#include "hardware/gpu.hpp"

#include <unistd.h>

#include "hardware/cuda_driver.hpp"
#include "hardware/nvml.hpp"

namespace mobula::hardware {

gpu_list list_gpus() {
  gpu_list found = nvml{}.list();
  return found.driver.empty() ? cuda_driver{}.list() : found;
}

bool mps_runs(const std::string& pipe_folder) {
  const std::string folder = pipe_folder.empty() ? "/tmp/nvidia-mps" : pipe_folder;
  return ::access((folder + "/control").c_str(), F_OK) == 0;
}

}  // namespace mobula::hardware
