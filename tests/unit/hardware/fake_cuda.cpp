#include <algorithm>
#include <cstdio>
#include <cstring>

#include "hardware/fake_devices.hpp"

// Stands in for CUDA's driver library, with its binary interface: shows what FAKE_GPUS lists. The
// first 16 letters of a uuid are its bytes.

namespace {

constexpr int success = 0;
constexpr int no_device = 100;
std::vector<mobula::hardware::fake::device> devices;

const auto& at(int which) { return devices.at(static_cast<std::size_t>(which)); }

}  // namespace

extern "C" {

int cuInit(unsigned) { return mobula::hardware::fake::read_all(devices) ? success : no_device; }
int cuDriverGetVersion(int* version) {
  *version = 12040;
  return success;
}
int cuDeviceGetCount(int* count) {
  *count = static_cast<int>(devices.size());
  return success;
}
int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return success;
}
int cuDeviceGetUuid_v2(unsigned char* uuid, int device) {
  std::memcpy(uuid, at(device).uuid.data(), std::min<std::size_t>(at(device).uuid.size(), 16));
  return success;
}
int cuDeviceGetName(char* name, int size, int device) {
  std::snprintf(name, static_cast<std::size_t>(size), "%s", at(device).name.c_str());
  return success;
}
int cuDeviceTotalMem_v2(std::size_t* size, int device) {
  *size = at(device).bytes;
  return success;
}
int cuDeviceGetPCIBusId(char* address, int size, int device) {
  std::snprintf(address, static_cast<std::size_t>(size), "%s", at(device).pci.c_str());
  return success;
}
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 20 ? static_cast<int>(at(device).mode) : 0;
  return success;
}

}  // extern "C"
