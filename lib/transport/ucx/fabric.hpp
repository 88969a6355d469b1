#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mobula::ucx {

/// The devices of a fast network that this machine has, by the kernel's names: "mlx5_0", "efa_0",
/// "cxi0" (Slingshot's, for which UCX has no transport).
/// @param classes  where the kernel lists devices by their kind
std::vector<std::string> fabric_devices(const std::string& classes = "/sys/class");

/// What to say of nodes that have such devices, but are linked by the kernel's TCP alone: every
/// message and object takes that way.
/// @param devices     fabric_devices of one node
/// @param transports  links::transports of it, once it has a link: "rc_mlx5, tcp"
/// @returns a sentence; empty: there is nothing to say
std::string unused_fabric(std::span<const std::string> devices, std::string_view transports);

}  // namespace mobula::ucx
