#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "mobula/detail/api.hpp"
#include "mobula/detail/archive.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/detail/form.hpp"

// How one type is written and read. Specialised for the standard library's types in containers.hpp
// and values.hpp, for refs in object_ref.hpp.

namespace MOBULA_API mobula {
namespace detail {

/// What every codec says of itself.
struct codec_defaults {
  /// Whether it calls the type's serialize.
  static constexpr bool is_own = false;
  /// Whether a value travels as its bytes, so that many in a row are copied at once.
  static constexpr bool as_bytes = false;
  /// The fewest bytes that a value takes.
  static constexpr std::size_t size_min = 0;
};

template <class T>
struct codec : codec_defaults {
  static constexpr form how = form_of<T>();
  static constexpr bool is_own = how == form::own;
  static constexpr bool as_bytes = how == form::bytes;
  static constexpr std::size_t size_min = as_bytes ? sizeof(T) : 0;

  static_assert(how != form::reference,
                "mobula: a reference can't be sent: send the value that it refers to");
  static_assert(how != form::pointer,
                "mobula: a pointer can't be sent: what it points to is not in the process that "
                "receives it; send the value, or put() it and send its object_ref");
  static_assert(
      how != form::view,
      "mobula: a view, span or iterator can't be sent here: it doesn't hold its elements; "
      "send a container or string that does");
  static_assert(how != form::wrapped_reference,
                "mobula: a std::reference_wrapper can't be sent: send the value that it refers to");
  static_assert(
      how != form::shared,
      "mobula: a std::shared_ptr or weak_ptr can't be sent: processes share no memory "
      "that can be written; send the value or a std::unique_ptr, or put() it and send its "
      "object_ref");
  static_assert(how != form::pointer_inside,
                "mobula: this type can't be sent as it is: it has a pointer, view or reference "
                "inside; give it a serialize(archive, version) that sends what is meant");
  static_assert(how != form::none,
                "mobula: this type can't be sent: give it a serialize(archive, version) as "
                "Boost.Serialization asks for: template <class Archive> void serialize(Archive& "
                "archive, unsigned) { archive & first & second; }");

  static void encode(encoder& to, const T& value) {
    if constexpr (how == form::bytes) {
      to.write(&value, sizeof value);
    } else if constexpr (how == form::own) {
      // What a serialize writes may be a variable of its own.
      const lasting nothing_does{to, false};
      output_archive{to} << value;
    }
  }
  static T decode(decoder& from) {
    static_assert(
        how != form::own || std::default_initializable<T>,
        "mobula: a type with serialize must have a default constructor, for its receiver");
    if constexpr (std::is_same_v<T, bool>) {
      return from.number<unsigned char>() != 0;
    } else if constexpr (how == form::bytes && std::default_initializable<T>) {
      T value;
      std::memcpy(static_cast<void*>(&value), from.read(sizeof value), sizeof value);
      return value;
    } else if constexpr (how == form::bytes) {
      struct {
        std::byte bytes[sizeof(T)];
      } copy;
      std::memcpy(copy.bytes, from.read(sizeof copy.bytes), sizeof copy.bytes);
      return std::bit_cast<T>(copy);
    } else if constexpr (how == form::own && std::default_initializable<T>) {
      T value{};
      input_archive{from} >> value;
      return value;
    } else {
      __builtin_unreachable();  // the assertions above have spoken
    }
  }
};

template <class T>
void encode(encoder& to, const T& value) {
  codec<T>::encode(to, value);
}

template <class T>
T decode(decoder& from) {
  return codec<T>::decode(from);
}

}  // namespace detail
}  // namespace mobula
