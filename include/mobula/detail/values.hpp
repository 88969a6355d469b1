#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "mobula/detail/api.hpp"
#include "mobula/detail/codec.hpp"
#include "mobula/detail/containers.hpp"
#include "mobula/detail/misuse.hpp"

// Pairs, tuples, and what may hold a value. Times, bit sets and complex numbers travel as their
// bytes.

namespace MOBULA_API mobula {
namespace detail {

template <class T, std::size_t Size>
struct codec<std::array<T, Size>> : codec_defaults {
  static constexpr bool as_bytes = codec<T>::as_bytes && Size > 0;
  static constexpr std::size_t size_min = codec<T>::size_min * Size;

  static void encode(encoder& to, const std::array<T, Size>& all) {
    if constexpr (as_bytes) {
      to.write(all.data(), sizeof all);
    } else {
      for (const T& each : all) detail::encode<T>(to, each);
    }
  }
  static std::array<T, Size> decode(decoder& from) {
    if constexpr (as_bytes && std::default_initializable<T>) {
      std::array<T, Size> all;
      std::memcpy(static_cast<void*>(all.data()), from.read(sizeof all), sizeof all);
      return all;
    } else {
      return each(from, std::make_index_sequence<Size>{});
    }
  }

 private:
  template <std::size_t... At>
  static std::array<T, Size> each([[maybe_unused]] decoder& from, std::index_sequence<At...>) {
    return {((void)At, detail::decode<T>(from))...};
  }
};

template <class First, class Second>
struct codec<std::pair<First, Second>> : codec_defaults {
  using first_type = std::remove_cv_t<First>;
  using second_type = std::remove_cv_t<Second>;
  static constexpr std::size_t size_min =
      codec<first_type>::size_min + codec<second_type>::size_min;

  static void encode(encoder& to, const std::pair<First, Second>& both) {
    detail::encode<first_type>(to, both.first);
    detail::encode<second_type>(to, both.second);
  }
  static std::pair<First, Second> decode(decoder& from) {
    first_type first = detail::decode<first_type>(from);
    return {std::move(first), detail::decode<second_type>(from)};
  }
};

template <class... Each>
struct codec<std::tuple<Each...>> : codec_defaults {
  static constexpr std::size_t size_min = (std::size_t{0} + ... + codec<Each>::size_min);

  static void encode([[maybe_unused]] encoder& to, const std::tuple<Each...>& all) {
    std::apply([&](const Each&... each) { (detail::encode<Each>(to, each), ...); }, all);
  }
  static std::tuple<Each...> decode([[maybe_unused]] decoder& from) {
    // Braces: evaluated from left to right.
    return std::tuple<Each...>{detail::decode<Each>(from)...};
  }
};

template <class T>
struct codec<std::optional<T>> : codec_defaults {
  static constexpr std::size_t size_min = 1;

  static void encode(encoder& to, const std::optional<T>& value) {
    to.number<bool>(value.has_value());
    if (value) detail::encode<T>(to, *value);
  }
  static std::optional<T> decode(decoder& from) {
    if (from.number<std::uint8_t>() == 0) return std::nullopt;
    return detail::decode<T>(from);
  }
};

template <class T>
struct codec<std::unique_ptr<T>> : codec_defaults {
  static_assert(
      !std::is_array_v<T>,
      "mobula: a std::unique_ptr of an array can't be sent: its length is not known; send "
      "a std::vector");
  static_assert(!std::is_polymorphic_v<T> || std::is_final_v<T>,
                "mobula: a std::unique_ptr to a class with virtual functions can't be sent: the "
                "class of what it points to is not known; send a std::variant");
  static constexpr std::size_t size_min = 1;

  static void encode(encoder& to, const std::unique_ptr<T>& value) {
    to.number<bool>(value != nullptr);
    if (value) detail::encode<std::remove_cv_t<T>>(to, *value);
  }
  static std::unique_ptr<T> decode(decoder& from) {
    if (from.number<std::uint8_t>() == 0) return nullptr;
    return std::make_unique<T>(detail::decode<std::remove_cv_t<T>>(from));
  }
};

template <class... Each>
struct codec<std::variant<Each...>> : codec_defaults {
  using value_type = std::variant<Each...>;
  static constexpr std::size_t size_min = sizeof(std::uint32_t);

  static void encode(encoder& to, const value_type& value) {
    to.number(static_cast<std::uint32_t>(value.index()));
    if (value.valueless_by_exception()) return;
    std::visit([&]<class T>(const T& held) { detail::encode<T>(to, held); }, value);
  }
  static value_type decode(decoder& from) {
    const auto index = from.number<std::uint32_t>();
    return decode_at(from, index, std::index_sequence_for<Each...>{});
  }

 private:
  template <std::size_t... At>
  static value_type decode_at(decoder& from, std::uint32_t index, std::index_sequence<At...>) {
    using maker = value_type (*)(decoder&);
    static constexpr maker makers[] = {&decode_one<At>...};
    if (index >= sizeof...(Each)) throw_bad_encoding("std::variant");
    return makers[index](from);
  }
  template <std::size_t At>
  static value_type decode_one(decoder& from) {
    using held = std::variant_alternative_t<At, value_type>;
    return value_type{std::in_place_index<At>, detail::decode<held>(from)};
  }
};

/// std::filesystem::path, known by its shape: its header is a large one.
template <class T>
concept path = is_of_std<T> && requires(const T& value) {
  { value.native() } -> std::same_as<const std::string&>;
  { value.lexically_normal() } -> std::same_as<T>;
};

template <path T>
struct codec<T> : codec_defaults {
  static constexpr std::size_t size_min = codec<std::string>::size_min;

  static void encode(encoder& to, const T& value) {
    detail::encode<std::string>(to, value.native());
  }
  static T decode(decoder& from) { return T{detail::decode<std::string>(from)}; }
};

}  // namespace detail
}  // namespace mobula
