#pragma once

#include "launch/bootstrap.hpp"
#include "mobula/options.hpp"

namespace mobula::detail {

/// Makes sure that all ranks were given the same options. Collective; every rank throws if any
/// differs.
/// @throws launch::start_error naming the first rank that differs from rank 0, and the option
void check_same_options(launch::bootstrap& ranks, const runtime_options& options);

}  // namespace mobula::detail
