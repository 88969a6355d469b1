#include "transport/ucx/fabric.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

namespace mobula::ucx {

std::vector<std::string> fabric_devices(const std::string& classes) {
  std::vector<std::string> found;
  std::error_code refused;
  for (const char* one : {"/infiniband", "/cxi"})
    for (const auto& entry : std::filesystem::directory_iterator{classes + one, refused})
      found.push_back(entry.path().filename().string());
  std::sort(found.begin(), found.end());
  return found;
}

namespace {

// Whether tcp is the only one of these that leads to other hosts; "cuda_copy, tcp" are.
bool is_tcp_alone(std::string_view transports) {
  constexpr std::array<std::string_view, 6> inside{"self",     "cma",      "cuda_copy",
                                                   "cuda_ipc", "gdr_copy", "rocm_copy"};
  bool has_tcp = false;
  std::istringstream names{std::string{transports}};
  for (std::string name; names >> name;) {
    if (name.ends_with(',')) name.pop_back();
    if (name == "tcp") {
      has_tcp = true;
    } else if (std::find(inside.begin(), inside.end(), name) == inside.end()) {
      return false;
    }
  }
  return has_tcp;
}

}  // namespace

std::string unused_fabric(std::span<const std::string> devices, std::string_view transports) {
  if (devices.empty() || !is_tcp_alone(transports)) return {};
  std::string names;
  for (const std::string& one : devices) names += (names.empty() ? "" : ", ") + one;
  return "the nodes have a fast network (" + names +
         "), but UCX links them by tcp alone, which is slower: see whether ucx_info -d lists these "
         "devices (if not, UCX has no transport for them, as for cxi, or was built without, or the "
         "process may not use them), and whether MOBULA_UCX_TLS or MOBULA_UCX_NET_DEVICES leaves "
         "them out";
}

}  // namespace mobula::ucx
