#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/peer_nodes.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

/// For a request that no node of the job could ever meet: what was asked, by whom, what comes
/// nearest, and what to do.
std::string infeasible_text(const wire::lease_request& asked, const peer_nodes& nodes);
/// The same as an encoded error_value.
std::vector<std::byte> infeasible_error(const wire::lease_request& asked, const peer_nodes& nodes);

/// Tells the owner that `count` workers of its request will not be granted.
/// @param error  an encoded error_value, or nothing where the owner wants none
void send_refusal(wire::outbox& out, wire::process_id owner, std::uint64_t request,
                  std::uint32_t count, wire::blob error);

}  // namespace mobula::core
