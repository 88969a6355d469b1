#pragma once

#include <cstdint>

#include "launch/environment.hpp"

namespace mobula::launch {

/// The variables by which OpenMP and the libraries of linear algebra learn how many threads to
/// have: those that the user has not set. Where OMP_NUM_THREADS is the user's there are none, since
/// the others would follow it.
/// @param cpus   of the process, rounded down; at least one thread
/// @param users  the variables that it gets besides
environment thread_counts(std::uint32_t cpus, const environment& users);

}  // namespace mobula::launch
