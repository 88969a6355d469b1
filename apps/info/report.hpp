#pragma once

#include <string>
#include <vector>

#include "mobula/cluster.hpp"

namespace info {

/// What a run sees of its nodes, for people: a paragraph each.
std::string report(const std::vector<mobula::node_state>& nodes);

/// "79.6 GiB", "512 MiB", "0 B"
std::string in_words(std::uint64_t bytes);

}  // namespace info
