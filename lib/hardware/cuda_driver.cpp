#include "hardware/cuda_driver.hpp"

#include <array>
#include <cstdio>

#include "hardware/shared_library.hpp"

namespace mobula::hardware {

namespace {

// What we use of its binary interface, which NVIDIA keeps. The headers come with CUDA, and Mobula
// is built without.
constexpr int success = 0;
constexpr int attribute_compute_mode = 20;
constexpr int mode_prohibited = 2;
constexpr int mode_exclusive_process = 3;
constexpr std::size_t text_max = 96;

struct functions {
  int (*init)(unsigned) = nullptr;
  int (*count)(int*) = nullptr;
  int (*device)(int*, int) = nullptr;
  int (*uuid)(unsigned char*, int) = nullptr;
  int (*name)(char*, int, int) = nullptr;
  int (*memory)(std::size_t*, int) = nullptr;
  int (*pci)(char*, int, int) = nullptr;
  int (*attribute)(int*, int, int) = nullptr;
  int (*version)(int*) = nullptr;

  bool find_in(const shared_library& from) {
    // The second one tells MIG's instances apart.
    return (from.find(uuid, "cuDeviceGetUuid_v2") || from.find(uuid, "cuDeviceGetUuid")) &&
           from.find(init, "cuInit") && from.find(count, "cuDeviceGetCount") &&
           from.find(device, "cuDeviceGet") && from.find(name, "cuDeviceGetName") &&
           from.find(memory, "cuDeviceTotalMem_v2") && from.find(pci, "cuDeviceGetPCIBusId") &&
           from.find(attribute, "cuDeviceGetAttribute") && from.find(version, "cuDriverGetVersion");
  }
};

std::string text_of(const std::array<unsigned char, 16>& uuid, bool is_part) {
  std::string text = is_part ? "MIG" : "GPU";
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", unsigned{uuid[i]});
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits;
  }
  return text;
}

}  // namespace

gpu_list cuda_driver::list() {
  gpu_list found;
  found.is_filtered = true;
  const shared_library library{library_};
  functions ask;
  if (!library || !ask.find_in(library) || ask.init(0) != success) return found;
  int version = 0;
  if (ask.version(&version) == success)
    found.driver =
        "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  int count = 0;
  if (ask.count(&count) != success) count = 0;
  for (int i = 0; i < count; ++i) {
    int which = 0;
    std::array<unsigned char, 16> uuid{};
    if (ask.device(&which, i) != success || ask.uuid(uuid.data(), which) != success) continue;
    gpu& one = found.gpus.emplace_back();
    std::array<char, text_max> text{};
    if (ask.name(text.data(), text.size(), which) == success) one.name = text.data();
    one.uuid = text_of(uuid, one.name.find(" MIG ") != one.name.npos);
    std::size_t size = 0;
    if (ask.memory(&size, which) == success) one.memory_bytes = size;
    if (ask.pci(text.data(), text.size(), which) == success) one.pci_address = text.data();
    for (char& letter : one.pci_address)
      if (letter >= 'A' && letter <= 'F') letter = static_cast<char>(letter - 'A' + 'a');
    int mode = 0;
    if (ask.attribute(&mode, attribute_compute_mode, which) == success) {
      if (mode == mode_prohibited) one.mode = compute_mode::prohibited;
      if (mode == mode_exclusive_process) one.mode = compute_mode::exclusive;
    }
    found.numbered.push_back(one.uuid);
  }
  return found;
}

}  // namespace mobula::hardware
