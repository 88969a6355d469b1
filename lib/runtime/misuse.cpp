#include "mobula/detail/misuse.hpp"

#include <string>

#include "mobula/errors.hpp"

namespace mobula::detail {

void throw_bad_parts() {
  throw std::invalid_argument("mobula::parts: the number of parts must be from 1 to 2^32 - 1");
}

void throw_empty_ref() {
  throw error(
      "an empty object_ref or actor_handle was used: one that is default-made or was moved "
      "from names nothing");
}

void throw_foreign_archive() {
  throw error(
      "an object_ref or actor_handle can't be written into a file, a socket or any archive "
      "but Mobula's own: it would name nothing there; pass it as an argument, a result or "
      "inside a value that is put");
}

void throw_wrong_parts(std::string_view function, std::size_t made, std::uint32_t wanted) {
  throw error(std::string(function) + " returned a vector of " + std::to_string(made) +
              " elements, but was called through split(parts{" + std::to_string(wanted) + "})");
}

void throw_no_instance(std::string_view method) {
  throw error(std::string(method) + " was called in a process where its actor does not live");
}

void throw_bad_encoding(std::string_view type) {
  throw error("the bytes of a " + std::string(type) +
              " name an alternative that it doesn't have: the processes of the job run different "
              "programs");
}

}  // namespace mobula::detail
