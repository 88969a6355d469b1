#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <ratio>
#include <string>
#include <type_traits>

#include "mobula/detail/api.hpp"

namespace MOBULA_API mobula {

/// How much of something: made from any number; unset unless one was given, and unset is not 0.
///
/// Exact for whole numbers up to 2^53 and for ten-thousandths. Whoever takes it checks its range.
class amount {
 public:
  constexpr amount() = default;
  template <class Number>
  requires std::is_arithmetic_v<Number>
  constexpr amount(Number value) : value_{static_cast<double>(value)}, is_set_{true} {}

  constexpr bool is_set() const { return is_set_; }
  constexpr double value_or(double otherwise) const { return is_set_ ? value_ : otherwise; }
  friend constexpr bool operator==(const amount&, const amount&) = default;

 private:
  double value_ = 0;
  bool is_set_ = false;
};

/// How long something may take: made from any std::chrono::duration, saturating; `forever` unless
/// one was given.
///
/// Where a limit is taken, 0 means "don't wait" and a negative one is an argument error.
class time_limit {
 public:
  constexpr time_limit() = default;
  template <class Rep, class Period>
  constexpr time_limit(std::chrono::duration<Rep, Period> length)
      : nanoseconds_{saturated(length)} {}

  constexpr bool is_forever() const { return nanoseconds_ == longest; }
  /// At most the largest number, which stands for forever.
  constexpr std::int64_t nanoseconds() const { return nanoseconds_; }
  friend constexpr auto operator<=>(const time_limit&, const time_limit&) = default;

 private:
  static constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();

  template <class Rep, class Period>
  static constexpr std::int64_t saturated(std::chrono::duration<Rep, Period> length) {
    using factor = std::ratio_divide<Period, std::nano>;
    const long double exact = static_cast<long double>(length.count()) *
                              static_cast<long double>(factor::num) /
                              static_cast<long double>(factor::den);
    if (exact >= static_cast<long double>(longest)) return longest;
    // Not a number is no length of time either: it is refused as negative ones are.
    if (!(exact > -static_cast<long double>(longest))) return -longest;
    if constexpr (std::is_integral_v<Rep> && (factor::num == 1 || factor::den == 1)) {
      return std::chrono::duration_cast<std::chrono::nanoseconds>(length).count();
    } else {
      return static_cast<std::int64_t>(exact);
    }
  }

  std::int64_t nanoseconds_ = longest;
};

/// No limit.
inline constexpr time_limit forever{};

/// Sizes in bytes: `using namespace mobula::literals;` then 8_GiB.
inline namespace literals {
constexpr std::uint64_t operator""_KiB(unsigned long long n) { return n << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long n) { return n << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long n) { return n << 30; }
constexpr std::uint64_t operator""_TiB(unsigned long long n) { return n << 40; }
}  // namespace literals

/// What a program calls resources of its own, and how much of each.
using resource_map = std::map<std::string, amount>;

}  // namespace mobula
