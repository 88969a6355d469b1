#pragma once

#include <string>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::sim {

/// One line about a message, for people who look for what went wrong.
std::string described(wire::process_id from, wire::process_id to, wire::blob message);

}  // namespace mobula::sim
