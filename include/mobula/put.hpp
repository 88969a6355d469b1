#pragma once

#include <type_traits>
#include <utility>

#include "mobula/detail/call.hpp"
#include "mobula/object_ref.hpp"

namespace mobula {

/// Makes an object of a value: any number of tasks can be given its ref, and each node holds it
/// once. The value is copied; literals and string views become a std::string, spans a std::vector.
///
/// Thread-safe. Blocks only where there is no room in the node's store.
/// @throws error before init or after shutdown
/// @throws store_full if the node can't make room
template <class Value>
auto put(Value&& value) {
  using given = std::decay_t<Value>;
  using stored = typename detail::stored_as<given>::type;
  detail::encoder bytes;
  detail::parameter_of<detail::written_as<given, stored>>::write(bytes, std::forward<Value>(value));
  return detail::access::adopt<object_ref<stored>>(detail::put(bytes));
}

}  // namespace mobula
