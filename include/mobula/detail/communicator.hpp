#pragma once

#include <cstddef>

#include "mobula/detail/api.hpp"

// How mobula/mpi.hpp hands a communicator to the library, whose headers know nothing of MPI. Not
// for users.

namespace MOBULA_API mobula {
struct runtime_options;

namespace detail {

struct communicator {
  const void* handle = nullptr;  // an MPI_Comm*
  std::size_t handle_bytes = 0;  // sizeof(MPI_Comm)
};

void init(const communicator& ranks, runtime_options options);

}  // namespace detail
}  // namespace mobula
