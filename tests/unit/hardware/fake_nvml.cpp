#include <cstdio>
#include <cstring>

#include "hardware/fake_devices.hpp"

// Stands in for NVIDIA's management library, with its binary interface: knows what FAKE_GPUS lists.
// "closed" as a uuid: this process may not open it.

namespace {

constexpr int success = 0;
constexpr int no_permission = 4;
constexpr int not_found = 6;
constexpr int not_supported = 3;

using mobula::hardware::fake::device;
std::vector<device> devices;
int users = 0;

int tell(const std::string& text, char* into, unsigned size) {
  if (text.size() >= size) return 7;
  std::memcpy(into, text.c_str(), text.size() + 1);
  return success;
}

}  // namespace

extern "C" {

struct memory_sizes {
  unsigned long long total, free, used;
};
struct pci_place {
  char legacy_address[16];
  unsigned domain, bus, slot, device_id, subsystem_id;
  char address[32];
};

int nvmlInit_v2() {
  constexpr int no_driver = 9;
  if (users == 0 && !mobula::hardware::fake::read_all(devices)) return no_driver;
  ++users;
  return success;
}
int nvmlShutdown() {
  --users;
  return success;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = static_cast<unsigned>(devices.size());
  return success;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device** one) {
  if (devices.at(index).uuid == "closed") return no_permission;
  *one = &devices.at(index);
  return success;
}
int nvmlDeviceGetUUID(device* one, char* text, unsigned size) {
  return tell(one->uuid, text, size);
}
int nvmlDeviceGetName(device* one, char* text, unsigned size) {
  return tell(one->name, text, size);
}
int nvmlDeviceGetMemoryInfo(device* one, memory_sizes* sizes) {
  *sizes = {one->bytes, one->bytes, 0};
  return success;
}
int nvmlDeviceGetPciInfo_v3(device* one, pci_place* place) {
  std::memset(place, 0, sizeof *place);
  std::snprintf(place->address, sizeof place->address, "%s", one->pci.c_str());
  return success;
}
int nvmlDeviceGetComputeMode(device* one, unsigned* mode) {
  *mode = one->mode;
  return success;
}
int nvmlSystemGetDriverVersion(char* text, unsigned size) { return tell("580.1", text, size); }
int nvmlDeviceGetMigMode(device* one, unsigned* now, unsigned* later) {
  if (one->parts_max == 0) return not_supported;
  *now = *later = 1;
  return success;
}
int nvmlDeviceGetMaxMigDeviceCount(device* one, unsigned* count) {
  *count = one->parts_max;
  return success;
}
int nvmlDeviceGetMigDeviceHandleByIndex(device* one, unsigned index, device** part) {
  // Instances need not lie side by side.
  if (index == 0 || index > one->parts.size()) return not_found;
  *part = &one->parts[index - 1];
  return success;
}

}  // extern "C"
