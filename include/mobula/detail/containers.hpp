#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/detail/api.hpp"
#include "mobula/detail/codec.hpp"

// Containers: a count of 64 bits, then the elements. Only the most used ones are named here; the
// others are known by their shape, so that their headers aren't included for everybody.

namespace MOBULA_API mobula {
namespace detail {

/// Whether the elements lie in a row and travel as their bytes.
template <class T>
inline constexpr bool copied_at_once = codec<T>::as_bytes && !std::is_same_v<T, bool>;

/// A class template of the standard library's shape, without a serialize of its own.
template <class T>
concept container = requires(T& values, const T& constant) {
  typename T::value_type;
  typename T::allocator_type;
  { constant.size() } -> std::convertible_to<std::size_t>;
  constant.begin();
  constant.end();
  values.clear();
}
&&!has_serialize<T>;

/// How many elements to make room for: what garbage claims is no reason to reserve.
template <class T>
std::size_t room_for(const decoder& from, std::size_t count) {
  return codec<T>::size_min > 0 ? count : (count < from.left() ? count : from.left());
}

/// Whether bytes lie so that they can be read in place as the elements that they are. What is made
/// of elements is filled once; what is made first and filled then is cleared before, which takes
/// large ones as long again.
template <class T>
bool may_be_read_as(const std::byte* begin) {
  return reinterpret_cast<std::uintptr_t>(begin) % alignof(T) == 0;
}

template <class T, class Allocator>
struct codec<std::vector<T, Allocator>> : codec_defaults {
  using values = std::vector<T, Allocator>;
  static constexpr std::size_t size_min = sizeof(std::uint64_t);

  static void encode(encoder& to, const values& all) {
    to.number<std::uint64_t>(all.size());
    if constexpr (copied_at_once<T>) {
      to.write(all.data(), all.size() * sizeof(T));
    } else {
      for (std::size_t i = 0; i < all.size(); ++i) detail::encode<T>(to, all[i]);
    }
  }
  static values decode(decoder& from) {
    const std::size_t count = from.count(codec<T>::size_min);
    if constexpr (copied_at_once<T> && std::default_initializable<T>) {
      const std::byte* begin = from.read(count * sizeof(T));
      if constexpr (std::is_copy_constructible_v<T>) {
        const auto* elements = reinterpret_cast<const T*>(begin);
        if (may_be_read_as<T>(begin)) return values(elements, elements + count);
      }
      values all(count);
      if (count != 0) std::memcpy(static_cast<void*>(all.data()), begin, count * sizeof(T));
      return all;
    } else {
      values all;
      all.reserve(room_for<T>(from, count));
      for (std::size_t i = 0; i < count; ++i) all.push_back(detail::decode<T>(from));
      return all;
    }
  }
};

template <class Char, class Traits, class Allocator>
struct codec<std::basic_string<Char, Traits, Allocator>> : codec_defaults {
  using text = std::basic_string<Char, Traits, Allocator>;
  static constexpr std::size_t size_min = sizeof(std::uint64_t);

  static void encode(encoder& to, const text& all) {
    to.number<std::uint64_t>(all.size());
    to.write(all.data(), all.size() * sizeof(Char));
  }
  static text decode(decoder& from) {
    const std::size_t count = from.count(sizeof(Char));
    const std::byte* begin = from.read(count * sizeof(Char));
    if (may_be_read_as<Char>(begin)) return text(reinterpret_cast<const Char*>(begin), count);
    text all(count, Char{});
    std::memcpy(all.data(), begin, count * sizeof(Char));
    return all;
  }
};

/// deque, list, set, map, their multi and unordered kinds, and what is made like them.
template <template <class...> class Container, class... Parameters>
requires container<Container<Parameters...>>
struct codec<Container<Parameters...>> : codec_defaults {
  using values = Container<Parameters...>;
  using element = typename values::value_type;
  static constexpr std::size_t size_min = sizeof(std::uint64_t);

  static void encode(encoder& to, const values& all) {
    to.number<std::uint64_t>(all.size());
    if constexpr (std::is_reference_v<decltype(*all.begin())>) {
      encode_each(to, all);
    } else {
      // An iterator that makes its elements: each is gone after its turn.
      const lasting nothing_does{to, false};
      encode_each(to, all);
    }
  }
  static values decode(decoder& from) {
    values all;
    if constexpr (requires { typename values::mapped_type; }) {
      using key = typename values::key_type;
      using mapped = typename values::mapped_type;
      const std::size_t count = from.count(codec<key>::size_min + codec<mapped>::size_min);
      for (std::size_t i = 0; i < count; ++i) {
        key first = detail::decode<key>(from);
        all.emplace_hint(all.end(), std::move(first), detail::decode<mapped>(from));
      }
    } else {
      const std::size_t count = from.count(codec<element>::size_min);
      for (std::size_t i = 0; i < count; ++i) {
        if constexpr (requires { typename values::key_type; }) {
          all.emplace_hint(all.end(), detail::decode<element>(from));
        } else {
          all.push_back(detail::decode<element>(from));
        }
      }
    }
    return all;
  }

 private:
  static void encode_each(encoder& to, const values& all) {
    for (const auto& each : all) {
      if constexpr (requires { typename values::mapped_type; }) {
        detail::encode<typename values::key_type>(to, each.first);
        detail::encode<typename values::mapped_type>(to, each.second);
      } else {
        detail::encode<element>(to, each);
      }
    }
  }
};

}  // namespace detail
}  // namespace mobula
