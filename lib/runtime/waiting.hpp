#pragma once

#include <cstdint>

namespace mobula {
class time_limit;
}

namespace mobula::detail {

/// When a limit that begins now ends, in CLOCK_MONOTONIC.
/// @throws std::invalid_argument if it is negative
std::uint64_t deadline_of(const time_limit& limit);

}  // namespace mobula::detail
