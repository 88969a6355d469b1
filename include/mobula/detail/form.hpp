#pragma once

#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mobula/detail/api.hpp"
#include "mobula/detail/names.hpp"

// Decides how a type travels, or why it can't.

namespace boost::serialization {
class access;
}

namespace MOBULA_API mobula {
namespace detail {

enum class form {
  own,  // through its serialize
  bytes,
  reference,
  pointer,
  view,
  wrapped_reference,
  shared,
  pointer_inside,
  none,
};

// --- Whether a type has a serialize of its own ---

struct member_rival {
  void serialize();
};
template <class T>
struct member_probe : T, member_rival {};

/// Naming a member that stands in two bases is an error, also where it is private: so if the name
/// can be used, T has none.
template <class T>
constexpr bool has_member_serialize() {
  if constexpr (!std::is_class_v<T>) {
    return false;
  } else if constexpr (std::is_final_v<T>) {
    return requires(T & value, int& archive) { value.serialize(archive, 0U); };
  } else {
    return !requires { &member_probe<T>::serialize; };
  }
}

namespace probing {
struct rival {};
/// A template, so that Boost's namespace is looked into for functions, as Boost itself does.
template <class Access>
struct archive {};
/// Better than Boost's generic serialize, which is for any archive and any type; neither better nor
/// worse than one for any archive and this type: then the call is ambiguous.
template <class Access, class T>
rival serialize(archive<Access>&, T&, const unsigned int);

template <class T>
concept finds_rival = requires(archive<boost::serialization::access>& archive, T& value) {
  { serialize(archive, value, 0U) } -> std::same_as<rival>;
};
}  // namespace probing

template <class T>
constexpr bool has_free_serialize() {
  // Boost's headers may bring one for a standard type: whether they are included must not matter.
  if constexpr ((std::is_class_v<T> || std::is_union_v<T> || std::is_enum_v<T>)&&!is_of_std<T>) {
    return !probing::finds_rival<T>;
  } else {
    return false;
  }
}

template <class T>
inline constexpr bool has_serialize = has_member_serialize<T>() || has_free_serialize<T>();

// --- Whether a type points to something ---

/// Known by its shape: its header is a large one.
template <class T>
concept is_reference_wrapper = is_of_std<T> && requires(const T& value) {
  typename T::type;
  { value.get() }
  noexcept->std::same_as<typename T::type&>;
};

template <class T>
inline constexpr bool is_shared_pointer = false;
template <class T>
inline constexpr bool is_shared_pointer<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool is_shared_pointer<std::weak_ptr<T>> = true;

template <class T>
inline constexpr bool is_pointer =
    std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>;

/// Spans, string views, ranges' views, and iterators.
template <class T>
inline constexpr bool is_view = false;
template <class T>
requires std::is_class_v<T>
inline constexpr bool is_view<T> = std::ranges::enable_view<T> || std::input_iterator<T>;

template <class T>
constexpr bool points_elsewhere();

struct anything {
  template <class Field>
  operator Field() const;
};
struct anything_that_lasts {
  template <class Field>
  operator Field&() const;
};
struct a_pointer {
  template <class Field>
  requires(points_elsewhere<Field>()) operator Field() const;
};

template <std::size_t>
using another = anything;

template <class T, class Last, class Before>
inline constexpr bool begins_with = false;
template <class T, class Last, std::size_t... Before>
requires requires { T{another<Before>{}..., Last{}}; }
inline constexpr bool begins_with<T, Last, std::index_sequence<Before...>> = true;

/// Tries each field of an aggregate in turn with something that converts only to pointers, as far
/// as 32 fields; the elements of an array count each.
template <class T, std::size_t Field = 0>
constexpr bool has_field_that_points() {
  using before = std::make_index_sequence<Field>;
  if constexpr (begins_with<T, a_pointer, before>) {
    return true;
  } else if constexpr (!begins_with<T, anything, before>) {
    return begins_with<T, anything_that_lasts, before>;  // a reference, or the end
  } else if constexpr (Field < 32) {
    return has_field_that_points<T, Field + 1>();
  } else {
    return false;
  }
}

template <class T>
inline constexpr bool wraps_pointer = false;
template <template <class...> class Wrapper, class... Inside>
requires is_of_std<Wrapper<Inside...>>
inline constexpr bool wraps_pointer<Wrapper<Inside...>> = (points_elsewhere<Inside>() || ...);

/// Whether a trivially copyable type is a pointer, or holds one as far as that can be seen.
template <class T>
constexpr bool points_elsewhere() {
  if constexpr (is_pointer<T> || is_view<T> || is_reference_wrapper<T>) {
    return true;
  } else if constexpr (std::is_array_v<T>) {
    return points_elsewhere<std::remove_all_extents_t<T>>();
  } else if constexpr (std::is_aggregate_v<T> && std::is_trivially_copyable_v<T>) {
    return has_field_that_points<T>();
  } else {
    return wraps_pointer<T>;
  }
}

// --- The decision ---

template <class T>
consteval form form_of() {
  if constexpr (std::is_reference_v<T>) {
    return form::reference;
  } else if constexpr (is_pointer<T>) {
    return form::pointer;
  } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    return form::bytes;
  } else if constexpr (has_serialize<T>) {
    return form::own;
  } else if constexpr (is_reference_wrapper<T>) {
    return form::wrapped_reference;
  } else if constexpr (is_view<T>) {
    return form::view;
  } else if constexpr (is_shared_pointer<T>) {
    return form::shared;
  } else if constexpr (std::is_trivially_copyable_v<T> && std::is_object_v<T>) {
    return points_elsewhere<T>() ? form::pointer_inside : form::bytes;
  } else {
    return form::none;
  }
}

}  // namespace detail
}  // namespace mobula
