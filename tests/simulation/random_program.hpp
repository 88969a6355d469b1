#pragma once

#include <cstdint>

#include "simulation/world.hpp"

namespace mobula::sim {

/// How large a random program is.
struct program_size {
  std::int32_t depth = 3;
  std::uint32_t steps_max = 6;
  bool failures = true;
};

/// Runs a program drawn from the world's seed: chains, fans, trees and diamonds of tasks that get
/// and wait, nest, put, pass refs inside containers to others, make actors and call them with
/// arguments that are not ready, and pass those around too. Never one that waits for itself:
/// whatever a body waits for was asked for before it, or by it; actors wait only for tasks of their
/// own that wait for nobody. So one that hangs is the protocol's fault.
/// @return whether all was as it should be
bool run_random_program(world& where, program_size size);

}  // namespace mobula::sim
