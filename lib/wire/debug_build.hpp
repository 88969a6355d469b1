#pragma once

namespace mobula::wire {

/// Whether this build looks for mistakes of user code where that costs time.
#ifdef NDEBUG
inline constexpr bool is_debug_build = false;
#else
inline constexpr bool is_debug_build = true;
#endif

}  // namespace mobula::wire
