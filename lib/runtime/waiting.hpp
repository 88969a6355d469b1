#pragma once

#include <cstdint>

#include "mobula/detail/backend.hpp"

namespace mobula::detail {

/// Waits until the object is ready and on this node. @throws timed_out
void await_until(object* record, std::uint64_t deadline_ns);

}  // namespace mobula::detail
