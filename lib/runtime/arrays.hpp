#pragma once

#include "mobula/detail/arrays.hpp"
#include "wire/ids.hpp"

namespace mobula::detail {

/// Opens the rooms of arrays to the runtime.
struct [[gnu::visibility("hidden")]] array_rooms {
  /// The room becomes a result, by who sends that: the array may be discarded. Of one that is not
  /// small. @throws error if it was given away before
  static wire::location give_away(const new_array& array);
  /// Writes what stands before the elements. From here on user code can't write them.
  static void seal(const new_array& array);
};

}  // namespace mobula::detail
