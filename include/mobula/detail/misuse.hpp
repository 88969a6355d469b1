#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "mobula/detail/api.hpp"

// What the templates of the public headers throw when they are called wrongly. Compiled, so that
// no user's file pays for the sentences. Not for users.

namespace MOBULA_API mobula {
class time_limit;

namespace detail {

/// @throws std::invalid_argument: parts{n} with n out of range
[[noreturn]] void throw_bad_parts();
/// @throws mobula::error: an empty object_ref or actor_handle was used
[[noreturn]] void throw_empty_ref();
/// @throws mobula::error: a ref or handle met an archive that is not Mobula's
[[noreturn]] void throw_foreign_archive();
/// @throws mobula::error: a function called through split(parts{wanted}) returned `made` elements
[[noreturn]] void throw_wrong_parts(std::string_view function, std::size_t made,
                                    std::uint32_t wanted);
/// @throws mobula::error: an actor's method was called where no instance is
[[noreturn]] void throw_no_instance(std::string_view method);
/// @throws mobula::error: the bytes name an alternative that the type doesn't have
[[noreturn]] void throw_bad_encoding(std::string_view type);

}  // namespace detail
}  // namespace mobula
