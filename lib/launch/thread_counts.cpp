#include "launch/thread_counts.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace mobula::launch {

environment thread_counts(std::uint32_t cpus, const environment& users) {
  constexpr std::string_view openmp = "OMP_NUM_THREADS";
  constexpr std::array<std::string_view, 6> names{openmp,
                                                  "OPENBLAS_NUM_THREADS",
                                                  "MKL_NUM_THREADS",
                                                  "BLIS_NUM_THREADS",
                                                  "VECLIB_MAXIMUM_THREADS",
                                                  "NUMEXPR_NUM_THREADS"};
  environment counts;
  if (find_variable(users, openmp)) return counts;
  for (const std::string_view name : names)
    if (!find_variable(users, name)) set_variable(counts, name, std::to_string(std::max(1U, cpus)));
  return counts;
}

}  // namespace mobula::launch
