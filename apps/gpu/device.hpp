#pragma once

#include <string>
#include <vector>

// What the program does on GPUs. Plain C++: kernels are in device.cu, which CUDA's compiler builds.

namespace gpu {

/// The UUIDs of the devices that CUDA shows this process, "GPU-01234567-...". Empty: none.
/// @throws std::runtime_error if CUDA fails otherwise
std::vector<std::string> devices();

/// y = a x + y on one of them, by a kernel. @param device  of those that are shown, from 0
/// @throws std::runtime_error if CUDA fails
std::vector<float> saxpy(int device, float a, const std::vector<float>& x,
                         const std::vector<float>& y);

}  // namespace gpu
