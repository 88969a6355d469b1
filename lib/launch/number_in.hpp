#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace mobula::launch {

/// The number that a text is, as a whole: nothing before it and nothing behind it.
template <class Number>
std::optional<Number> number_in(std::string_view text, std::integral auto... base) {
  Number number{};
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, base...);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace mobula::launch
