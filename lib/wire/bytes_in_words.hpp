#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace mobula::wire {

/// "1.5 GiB", "200 MiB", "12 bytes".
inline std::string bytes_in_words(std::uint64_t size) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
  if (size < 1024) return std::to_string(size) + " bytes";
  double amount = static_cast<double>(size) / 1024;
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < units.size(); ++unit) amount /= 1024;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), amount < 10 ? "%.1f %s" : "%.0f %s", amount, units[unit]);
  return text.data();
}

}  // namespace mobula::wire
