#include <bitset>
#include <chrono>
#include <complex>
#include <concepts>
#include <deque>
#include <filesystem>
#include <functional>
#include <ranges>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include "api/in_place_backend.hpp"

// What the public headers promise at compile time. Most of this file is checked before it runs.

namespace mobula {
namespace {

using detail::form;
using detail::form_of;

// --- Types ---

static_assert(sizeof(object_ref<int>) == sizeof(void*));
static_assert(sizeof(actor_handle<int>) == sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<object_ref<std::string>>);
static_assert(std::is_nothrow_copy_constructible_v<object_ref<std::string>>);
static_assert(std::totally_ordered<object_ref<int>>);
static_assert(std::totally_ordered<actor_handle<std::string>>);
static_assert(std::convertible_to<object_ref<int>, object_ref<void>>);
static_assert(std::convertible_to<object_ref<std::string>, object_ref<void>>);
static_assert(!std::convertible_to<object_ref<void>, object_ref<int>>);
static_assert(!std::convertible_to<object_ref<int>, object_ref<long>>);
static_assert(!std::convertible_to<object_ref<int>, bool>);
static_assert(!std::is_copy_constructible_v<runtime>);
static_assert(std::ranges::input_range<completions<int>>);

static_assert(std::derived_from<task_error, error> && std::derived_from<worker_died, error> &&
              std::derived_from<actor_died, error> && std::derived_from<object_lost, error> &&
              std::derived_from<owner_died, error> && std::derived_from<timed_out, error> &&
              std::derived_from<cancelled, error> && std::derived_from<store_full, error> &&
              std::derived_from<infeasible, error> && std::derived_from<too_many_pending, error> &&
              std::derived_from<nesting_limit, error> && std::derived_from<deadlock, error>);

// --- Results ---

int add(int a, int b) { return a + b; }
void nothing(const std::string&) noexcept {}
std::pair<int, std::string> two() { return {1, "a"}; }

static_assert(std::same_as<decltype(remote<add>(1, 2)), object_ref<int>>);
static_assert(std::same_as<decltype(remote<nothing>("x")), object_ref<void>>);
static_assert(std::same_as<decltype(remote<two>()), object_ref<std::pair<int, std::string>>>);
static_assert(std::same_as<decltype(remote<two>.split()),
                           std::tuple<object_ref<int>, object_ref<std::string>>>);
static_assert(std::same_as<decltype(get(object_ref<int>{})), int>);
static_assert(std::same_as<decltype(get(object_ref<void>{})), void>);
static_assert(std::same_as<decltype(get(std::vector<object_ref<bool>>{})), std::vector<bool>>);
static_assert(std::same_as<decltype(get(std::tuple<object_ref<int>, object_ref<std::string>>{})),
                           std::tuple<int, std::string>>);
static_assert(std::same_as<decltype(put("literal")), object_ref<std::string>>);
static_assert(std::same_as<decltype(put(1.5F)), object_ref<float>>);

// --- How types travel ---

struct plain {
  int a;
  double b[3];
  std::array<char, 40> name;
};
struct with_pointer {
  int a;
  const char* name;
};
struct with_nested_pointer {
  double a[2];
  with_pointer inner;
};
struct with_pointer_array {
  int a;
  int* rows[4];
};
struct with_view {
  int a;
  std::string_view name;
};
struct with_reference {
  int& a;
};
struct with_method_pointer {
  int (plain::*method)();
};
struct base_of_pointer : with_pointer {
  int more;
};
struct with_union {
  int kind;
  union {
    int i;
    double d;
  };
};
struct with_bits {
  unsigned a : 3;
  unsigned b : 5;
};
struct with_optional_pointer {
  int a;
  std::optional<int*> p;
};
struct with_optional {
  int a;
  std::optional<int> p;
  std::chrono::nanoseconds t;
};
class with_private {
 public:
  explicit with_private(int a) : a_{a} {}
  int a() const { return a_; }

 private:
  int a_;
};
enum class color : std::uint8_t { red, green };
struct empty {};
struct own_view : std::ranges::view_base {
  const int* begin_;
};
struct has_string {
  std::string text;
};
struct own_member {
  std::string text;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& text;
  }
};
struct own_free {
  int* pointer;
};
template <class Archive>
void serialize(Archive& archive, own_free& value, const unsigned) {
  archive&* value.pointer;
}

static_assert(form_of<int>() == form::bytes && form_of<bool>() == form::bytes);
static_assert(form_of<color>() == form::bytes && form_of<long double>() == form::bytes);
static_assert(form_of<plain>() == form::bytes && form_of<empty>() == form::bytes);
static_assert(form_of<with_union>() == form::bytes && form_of<with_bits>() == form::bytes);
static_assert(form_of<with_private>() == form::bytes);
static_assert(form_of<with_optional>() == form::bytes);
static_assert(form_of<std::complex<double>>() == form::bytes);
static_assert(form_of<std::bitset<100>>() == form::bytes);
static_assert(form_of<std::monostate>() == form::bytes);
static_assert(form_of<std::chrono::milliseconds>() == form::bytes);
static_assert(form_of<std::chrono::system_clock::time_point>() == form::bytes);
static_assert(form_of<with_pointer>() == form::pointer_inside);
static_assert(form_of<with_nested_pointer>() == form::pointer_inside);
static_assert(form_of<with_pointer_array>() == form::pointer_inside);
static_assert(form_of<with_view>() == form::pointer_inside);
static_assert(form_of<with_reference>() == form::pointer_inside);
static_assert(form_of<with_method_pointer>() == form::pointer_inside);
static_assert(form_of<base_of_pointer>() == form::pointer_inside);
static_assert(form_of<with_optional_pointer>() == form::pointer_inside);
static_assert(form_of<int*>() == form::pointer && form_of<void (*)()>() == form::pointer);
static_assert(form_of<std::nullptr_t>() == form::pointer);
static_assert(form_of<int empty::*>() == form::pointer);
static_assert(form_of<std::string_view>() == form::view);
static_assert(form_of<std::span<int>>() == form::view);
static_assert(form_of<std::vector<int>::iterator>() == form::view);
static_assert(form_of<own_view>() == form::view);
static_assert(form_of<std::reference_wrapper<int>>() == form::wrapped_reference);
static_assert(form_of<std::shared_ptr<int>>() == form::shared);
static_assert(form_of<has_string>() == form::none);
static_assert(form_of<std::function<void()>>() == form::none);
static_assert(form_of<own_member>() == form::own && form_of<own_free>() == form::own);

// --- Options ---

static_assert(!amount{}.is_set() && amount{0}.is_set() && amount{} != amount{0});
static_assert(amount{0.5}.value_or(1) == 0.5 && amount{}.value_or(1) == 1);
static_assert(8_GiB == 8ULL * 1024 * 1024 * 1024 && 1_KiB == 1024 && 1_TiB == 1024 * 1_GiB);

using namespace std::chrono_literals;
static_assert(time_limit{}.is_forever() && forever.is_forever());
static_assert(time_limit{10ms}.nanoseconds() == 10'000'000);
static_assert(time_limit{0s}.nanoseconds() == 0);
static_assert(time_limit{1.5s}.nanoseconds() == 1'500'000'000);
static_assert(time_limit{-1s}.nanoseconds() == -1'000'000'000);
static_assert(time_limit{std::chrono::hours::max()}.is_forever());
static_assert(time_limit{std::chrono::duration<double>{1e300}}.is_forever());
static_assert(time_limit{std::chrono::hours::min()}.nanoseconds() < 0);
static_assert(time_limit{std::chrono::nanoseconds{(1LL << 62) + 1}}.nanoseconds() ==
              (1LL << 62) + 1);
static_assert(time_limit{std::chrono::duration<int, std::pico>{1999}}.nanoseconds() == 1);

TEST(Options, TakeDesignatedInitialisersInTheirOrder) {
  const runtime_options runtime{.cpus = 8, .gpus = 4, .resources = {{"ssd", 1}, {"tape", 0.5}}};
  EXPECT_EQ(runtime.cpus.value_or(0), 8);
  EXPECT_FALSE(runtime.memory_bytes.is_set());
  EXPECT_EQ(runtime.resources.at("tape"), amount{0.5});
  const task_options task{.cpus = 4, .memory_bytes = 8_GiB, .resources = {{"ssd", 1}}, .name = "x"};
  EXPECT_EQ(task.memory_bytes.value_or(0), 8.0 * (1 << 30));
  const actor_options actor{.gpus = 0.5F};
  EXPECT_EQ(actor.gpus.value_or(0), 0.5);
  const wait_options how{.count = 2U, .timeout = 10ms};
  EXPECT_EQ(how.timeout, time_limit{10'000us});
  EXPECT_EQ(wait_options{}.count, amount{1});
}

TEST(Options, ALimitThatIsNotANumberIsNegative) {
  const std::chrono::duration<double> unclear{std::numeric_limits<double>::quiet_NaN()};
  EXPECT_LT(time_limit{unclear}.nanoseconds(), 0);
}

TEST(Options, RefuseImpossibleParts) {
  EXPECT_THROW(parts{0}, std::invalid_argument);
  EXPECT_THROW(parts{-1}, std::invalid_argument);
  EXPECT_THROW(parts{1ULL << 32}, std::invalid_argument);
  EXPECT_EQ(parts{3}.count(), 3U);
}

}  // namespace
}  // namespace mobula
