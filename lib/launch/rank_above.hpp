#pragma once

#include "launch/environment.hpp"

namespace mobula::launch {

/// Whether a process above this one is the rank that these variables speak of: it is connected with
/// the server of PMIx that they name. This one only has inherited them, then, and MPI_Init would
/// end it. False where that can't be seen.
bool has_rank_above(const environment& variables);

}  // namespace mobula::launch
