#pragma once

#include <cstddef>
#include <string_view>

#include "mobula/detail/api.hpp"

// Names of types and of template arguments, as the compiler writes them. For people, and to tell
// what is the standard library's; never an identity: two lambdas may have the same one.

namespace MOBULA_API mobula {
namespace detail {

/// What stands after `mark` in a pretty function name, up to the end of that template argument.
constexpr std::string_view after_mark(std::string_view pretty, std::string_view mark) {
  const std::size_t at = pretty.find(mark);
  if (at == std::string_view::npos) return pretty;
  pretty.remove_prefix(at + mark.size());
  if (pretty.ends_with(']')) pretty.remove_suffix(1);
  if (pretty.starts_with('&')) pretty.remove_prefix(1);
  constexpr std::string_view closure = "<lambda closure object>";
  if (pretty.starts_with(closure)) pretty.remove_prefix(closure.size());
  return pretty == "{}" ? "a lambda" : pretty;  // clang has no name for one
}

template <auto Value>
constexpr auto name_of_value() {
  return after_mark(__PRETTY_FUNCTION__, "Value = ");
}

template <class Type>
constexpr auto name_of_type() {
  return after_mark(__PRETTY_FUNCTION__, "Type = ");
}

template <class T>
inline constexpr bool is_of_std = name_of_type<T>().starts_with("std::");

}  // namespace detail
}  // namespace mobula
