#pragma once

#include <span>
#include <string>

#include "launch/bootstrap.hpp"
#include "launch/start_error.hpp"

namespace mobula::launch {

/// A program or shared library, and what tells one build of it from another.
struct module_identity {
  std::string file;
  std::string build_id;
};

/// The module that holds this address: its file, and its build id in hexadecimal, or where it was
/// linked without one, a hash of the file's bytes. Empty if there is none.
module_identity module_at(const void* address);

/// The program itself.
module_identity this_program();

/// Makes sure that all ranks run the same program with the same modules. Collective.
///
/// Files are compared by name without folder (hosts may have them elsewhere) and build id; the
/// order does not matter. Every rank throws if any differs.
/// @param modules  the program first, and each other module that has remote functions
/// @throws start_error naming the first rank that differs from rank 0, and the file
void check_identity(bootstrap& ranks, std::span<const module_identity> modules);

}  // namespace mobula::launch
