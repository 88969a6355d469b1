#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <ratio>
#include <string>
#include <type_traits>

#include "mobula/detail/misuse.hpp"

namespace mobula {

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

/// What `runtime` is told. Amounts are those of each node; what is unset is detected.
struct runtime_options {
  /// CPUs that each node offers. Unset: MOBULA_CPUS, or the cores that the node's ranks may use, or
  /// its worker ranks if there are more of these.
  amount cpus = {};
  /// GPUs that each node offers. Unset: MOBULA_GPUS, or those that its driver finds and its ranks
  /// may use (CUDA_VISIBLE_DEVICES).
  amount gpus = {};
  /// Memory that tasks may ask for on each node, in bytes.
  amount memory_bytes = {};
  /// Custom resources of each node.
  resource_map resources = {};
  /// Room for objects on each node, in bytes, at least 16 MiB. Unset: MOBULA_STORE_BYTES, or a
  /// share of its memory.
  amount store_bytes = {};
  /// What asks for more than any node has waits, and a warning is printed, instead of failing with
  /// `infeasible`. It is dropped at shutdown. MOBULA_WAIT_INFEASIBLE=1 does the same.
  bool wait_infeasible = false;
};

/// What `shutdown` is told.
struct shutdown_options {
  /// Whether to wait for what was submitted instead of dropping it.
  bool drain = false;
  /// How long to wait when draining; what has not finished then is dropped.
  time_limit timeout = {};
};

/// What a task asks for. It starts only when its node has all of it free at once.
struct task_options {
  /// Unset: 1. Fractions are counted to 1/10000.
  amount cpus = {};
  /// Unset: 0. Below 1 a GPU is shared; above 1 it must be whole.
  amount gpus = {};
  /// Unset: 0.
  amount memory_bytes = {};
  /// Custom resources.
  resource_map resources = {};
  /// What people see of the task; the function's name unless given.
  std::string name = {};
};

/// What an actor asks for, for as long as it lives.
struct actor_options {
  /// Unset: 1 to be placed, 0 while it lives. Given: held for life.
  amount cpus = {};
  /// Unset: 0. Below 1 a GPU is shared; above 1 it must be whole.
  amount gpus = {};
  /// Unset: 0.
  amount memory_bytes = {};
  /// Custom resources.
  resource_map resources = {};
  /// How many of its calls may have begun at once; the others wait. Unset: 1, so that the actor
  /// begins nothing while one of its calls waits. Above 1 calls run in no certain order, but never
  /// two at the same moment: one goes on while another waits. At least 1, and whole.
  amount max_concurrency = {};
};

/// What a call of an actor's method is told.
struct call_options {
  /// What people see of the call; the method's name unless given.
  std::string name = {};
};

/// What `wait` is told.
struct wait_options {
  /// How many refs to wait for: in [1, number of refs].
  amount count = 1;
  /// 0 polls.
  time_limit timeout = {};
};

/// How many refs `split` makes of a function that returns a vector: exactly as many elements must
/// come back.
class parts {
 public:
  /// @throws std::invalid_argument unless `count` is in [1, 2^32)
  template <std::integral Count>
  constexpr explicit parts(Count count) : count_{static_cast<std::uint32_t>(count)} {
    if (count < 1 || static_cast<std::uint64_t>(count) > 0xffff'ffffU) detail::throw_bad_parts();
  }
  constexpr std::uint32_t count() const { return count_; }

 private:
  std::uint32_t count_;
};

}  // namespace mobula
