#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/peer_nodes.hpp"
#include "wire/messages.hpp"

namespace mobula::core {

/// For a request that no node of the job could ever meet: what was asked, by whom, what comes
/// nearest, and what to do.
std::string infeasible_text(const wire::lease_request& asked, const peer_nodes& nodes);
/// The same as an encoded error_value.
std::vector<std::byte> infeasible_error(const wire::lease_request& asked, const peer_nodes& nodes);

}  // namespace mobula::core
