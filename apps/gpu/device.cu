#include <cuda_runtime.h>

#include <cstdio>
#include <stdexcept>

#include "gpu/device.hpp"

namespace gpu {

namespace {

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  throw std::runtime_error{std::string{"CUDA could not "} + what + ": " +
                           cudaGetErrorString(status)};
}

/// Memory of a device, freed with this.
class device_memory {
 public:
  explicit device_memory(const std::vector<float>& from) : size_{from.size() * sizeof(float)} {
    check(cudaMalloc(&begin_, size_), "give memory");
    check(cudaMemcpy(begin_, from.data(), size_, cudaMemcpyHostToDevice), "copy to the device");
  }
  device_memory(const device_memory&) = delete;
  device_memory& operator=(const device_memory&) = delete;
  ~device_memory() { cudaFree(begin_); }

  float* begin() { return static_cast<float*>(begin_); }
  void copy_to(std::vector<float>& to) const {
    check(cudaMemcpy(to.data(), begin_, size_, cudaMemcpyDeviceToHost), "copy from the device");
  }

 private:
  std::size_t size_;
  void* begin_ = nullptr;
};

__global__ void saxpy_kernel(std::size_t count, float a, const float* x, float* y) {
  const std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < count) y[i] = a * x[i] + y[i];
}

std::string text_of(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (int i = 0; i < 16; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(uuid.bytes[i]));
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits;
  }
  return text;
}

}  // namespace

std::vector<std::string> devices() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver) return {};
  check(status, "count devices");
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp about{};
    check(cudaGetDeviceProperties(&about, i), "describe a device");
    all.push_back(text_of(about.uuid));
  }
  return all;
}

std::vector<float> saxpy(int device, float a, const std::vector<float>& x,
                         const std::vector<float>& y) {
  check(cudaSetDevice(device), "use the device");
  device_memory there_x{x};
  device_memory there_y{y};
  constexpr unsigned threads = 256;
  const auto blocks = static_cast<unsigned>((x.size() + threads - 1) / threads);
  saxpy_kernel<<<blocks, threads>>>(x.size(), a, there_x.begin(), there_y.begin());
  check(cudaGetLastError(), "start the kernel");
  std::vector<float> result(y.size());
  there_y.copy_to(result);
  return result;
}

}  // namespace gpu
