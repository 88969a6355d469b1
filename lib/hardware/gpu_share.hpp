#pragma once

#include <cstdint>
#include <vector>

#include "hardware/gpu.hpp"

namespace mobula::hardware {

/// Neighbours among the GPUs for one of several who divide them: each has so many, give or take
/// one.
/// @param share  in [0, shares)
std::vector<gpu> share_of(const std::vector<gpu>& all, std::uint32_t share, std::uint32_t shares);

}  // namespace mobula::hardware
