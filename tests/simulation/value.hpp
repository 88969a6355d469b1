#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "wire/codec.hpp"
#include "wire/messages.hpp"

namespace mobula::sim {

/// What a simulated object should be: chosen when it is asked for, known to everybody who has a
/// ref to it, so that every read is checked.
using label = std::uint64_t;

/// In the label of an object that was put, and has no refs inside.
inline constexpr label plain_bit = 2;

/// The label of result `index` of the task labelled `task`.
constexpr label result_label(label task, std::uint32_t index) {
  return (wire::mix(task + index * 0x9e3779b97f4a7c15U) & ~plain_bit) | 1;
}

/// A ref as it is written into a value.
struct written_ref {
  wire::object_id id;
  label expected = 0;
};

/// The value of a simulated object, or the error in its place.
struct plain_value {
  label is = 0;
  std::vector<written_ref> refs;
  std::size_t filler_bytes = 0;

  std::vector<std::byte> encoded() const;
  /// Nothing if the bytes are not exactly a value: overwritten, poisoned, cut short.
  static std::optional<plain_value> decoded(wire::blob bytes);
};

/// The arguments of a simulated task or call.
struct plain_arguments {
  label task = 0;
  std::uint64_t seed = 0;
  std::int32_t depth = 0;
  std::uint32_t demand = 0;
  label caller = 0;                 // of a call
  std::uint64_t caller_number = 0;  // counts the caller's calls of this actor
  std::vector<label> given;         // what each parameter that was given as a ref should be
  std::vector<written_ref> refs;

  std::vector<std::byte> encoded() const;
  static std::optional<plain_arguments> decoded(wire::blob bytes);
};

}  // namespace mobula::sim
