#include "hardware/nvml.hpp"

#include <algorithm>
#include <array>

#include "hardware/shared_library.hpp"

namespace mobula::hardware {

namespace {

// What we use of its binary interface, which NVIDIA keeps. The headers come with CUDA, and Mobula
// is built without.
using device = struct nvml_device*;
constexpr int success = 0;

struct memory_sizes {
  unsigned long long total, free, used;
};
struct pci_place {
  char legacy_address[16];
  unsigned domain, bus, slot, device_id, subsystem_id;
  char address[32];
};
constexpr std::size_t text_max = 96;
constexpr unsigned mode_exclusive_thread = 1;
constexpr unsigned mode_prohibited = 2;
constexpr unsigned mode_exclusive_process = 3;

/// The functions, and what they say of one device.
struct functions {
  int (*init)() = nullptr;
  int (*shut_down)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*by_index)(unsigned, device*) = nullptr;
  int (*uuid)(device, char*, unsigned) = nullptr;
  int (*name)(device, char*, unsigned) = nullptr;
  int (*memory)(device, memory_sizes*) = nullptr;
  int (*pci)(device, pci_place*) = nullptr;
  int (*mode)(device, unsigned*) = nullptr;
  int (*driver)(char*, unsigned) = nullptr;
  // Drivers before 450 have none of these.
  int (*is_cut)(device, unsigned* now, unsigned* later) = nullptr;
  int (*parts_max)(device, unsigned*) = nullptr;
  int (*part)(device, unsigned, device*) = nullptr;

  bool find_in(const shared_library& from) {
    const bool cut = from.find(is_cut, "nvmlDeviceGetMigMode") &&
                     from.find(parts_max, "nvmlDeviceGetMaxMigDeviceCount") &&
                     from.find(part, "nvmlDeviceGetMigDeviceHandleByIndex");
    if (!cut) is_cut = nullptr;
    return from.find(init, "nvmlInit_v2") && from.find(shut_down, "nvmlShutdown") &&
           from.find(count, "nvmlDeviceGetCount_v2") &&
           from.find(by_index, "nvmlDeviceGetHandleByIndex_v2") &&
           from.find(uuid, "nvmlDeviceGetUUID") && from.find(name, "nvmlDeviceGetName") &&
           from.find(memory, "nvmlDeviceGetMemoryInfo") &&
           from.find(pci, "nvmlDeviceGetPciInfo_v3") &&
           from.find(mode, "nvmlDeviceGetComputeMode") &&
           from.find(driver, "nvmlSystemGetDriverVersion");
  }

  /// Empty UUID: it can't be asked.
  gpu describe(device which) const {
    gpu one;
    std::array<char, text_max> text{};
    if (uuid(which, text.data(), text.size()) != success) return one;
    one.uuid = text.data();
    if (name(which, text.data(), text.size()) == success) one.name = text.data();
    memory_sizes sizes{};
    if (memory(which, &sizes) == success) one.memory_bytes = sizes.total;
    return one;
  }

  void describe_place(device which, gpu& one) const {
    pci_place place{};
    if (pci(which, &place) == success) {
      // "00000000:3B:00.0": eight digits of the domain, where others have four.
      std::string address = place.address;
      std::ranges::transform(address, address.begin(), [](unsigned char letter) {
        return static_cast<char>(letter >= 'A' && letter <= 'F' ? letter - 'A' + 'a' : letter);
      });
      if (address.size() == 16 && address.starts_with("0000")) address.erase(0, 4);
      one.pci_address = address;
    }
    unsigned how = 0;
    if (mode(which, &how) != success) return;
    if (how == mode_prohibited) one.mode = compute_mode::prohibited;
    if (how == mode_exclusive_process || how == mode_exclusive_thread)
      one.mode = compute_mode::exclusive;
  }

  bool is_cut_now(device which) const {
    unsigned now = 0;
    unsigned later = 0;
    return is_cut && is_cut(which, &now, &later) == success && now != 0;
  }

  void list_parts(device whole, const gpu& of, std::vector<gpu>& into) const {
    unsigned most = 0;
    if (parts_max(whole, &most) != success) return;
    for (unsigned i = 0; i < most; ++i) {
      device one = nullptr;
      if (part(whole, i, &one) != success) continue;
      gpu found = describe(one);
      if (found.uuid.empty()) continue;
      found.pci_address = of.pci_address;
      found.mode = of.mode;
      found.part_of = of.uuid;
      into.push_back(std::move(found));
    }
  }
};

}  // namespace

gpu_list nvml::list() {
  gpu_list found;
  const shared_library library{library_};
  functions ask;
  if (!library || !ask.find_in(library) || ask.init() != success) return found;
  std::array<char, text_max> text{};
  if (ask.driver(text.data(), text.size()) == success) found.driver = text.data();
  unsigned count = 0;
  if (ask.count(&count) != success) count = 0;
  std::vector<std::pair<gpu, device>> wholes;
  for (unsigned i = 0; i < count; ++i) {
    device which = nullptr;
    // Those that this process may not use can't be opened.
    if (ask.by_index(i, &which) != success) continue;
    gpu one = ask.describe(which);
    if (one.uuid.empty()) continue;
    ask.describe_place(which, one);
    wholes.emplace_back(std::move(one), which);
  }
  std::ranges::stable_sort(wholes, {}, [](const auto& one) { return one.first.pci_address; });
  for (const auto& [one, which] : wholes) {
    found.numbered.push_back(one.uuid);
    if (ask.is_cut_now(which)) {
      ask.list_parts(which, one, found.gpus);
    } else {
      found.gpus.push_back(one);
    }
  }
  ask.shut_down();
  return found;
}

}  // namespace mobula::hardware
