#pragma once

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/detail/api.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/detail/thunk.hpp"
#include "mobula/object_ref.hpp"
#include "mobula/options.hpp"

namespace MOBULA_API mobula {

namespace detail {

/// Encodes and submits. @param options null for the defaults
template <class Thunk, class... Arguments>
void submit_task(const task_options* options, std::uint32_t result_count, bool result_is_list,
                 object** results, Arguments&&... arguments) {
  const auto submit_with = [&](auto& call) {
    const call_request request{registered<Thunk>::run(),
                               &call.values,
                               {call.refs, call.ref_count},
                               result_count,
                               result_is_list};
    submit(request, options, results);
  };
  with_arguments(typename Thunk::called::parameters{}, std::index_sequence_for<Arguments...>{},
                 submit_with, std::forward<Arguments>(arguments)...);
}

/// What `remote<Function>` and `remote<Function>.with(...)` do.
template <auto Function>
struct remote_call {
  using called = signature<decltype(Function)>;

  template <std::size_t Given>
  static constexpr bool check() {
    static_assert(!std::is_member_function_pointer_v<decltype(Function)>,
                  "mobula: a method can't be remote by itself: make an actor of its class and "
                  "call<&A::method>, or wrap it in a lambda");
    static_assert(called::is_known || std::is_member_function_pointer_v<decltype(Function)>,
                  "mobula: this can't be remote: it must be a function, a static member, or a "
                  "lambda without captures, with its parameter types written out");
    if constexpr (called::is_known && !std::is_member_function_pointer_v<decltype(Function)>) {
      static_assert(Given == called::parameters::size,
                    "mobula: wrong number of arguments: a remote call gives all of them (default "
                    "arguments don't reach it)");
      return Given == called::parameters::size && result<typename called::result>::is_allowed;
    }
    return false;
  }

  template <class... Arguments>
  static auto whole(const task_options* options, Arguments&&... arguments) {
    if constexpr (check<sizeof...(Arguments)>()) {
      using value = typename result<typename called::result>::value;
      object* made = nullptr;
      submit_task<task_thunk<Function>>(options, 1, false, &made,
                                        std::forward<Arguments>(arguments)...);
      return access::adopt<object_ref<value>>(made);
    } else {
      return object_ref<void>{};
    }
  }

  template <class... Arguments>
  static auto split(const task_options* options, Arguments&&... arguments) {
    if constexpr (check<sizeof...(Arguments)>()) {
      using split = split_result<typename result<typename called::result>::value>;
      static_assert(!split::is_vector,
                    "mobula: how many refs? Say split(parts{n}, ...) for a function that returns a "
                    "std::vector");
      static_assert(split::is_tuple || split::is_vector,
                    "mobula: split needs a function that returns a std::tuple or std::pair, or a "
                    "std::vector with parts{n}");
      if constexpr (split::is_tuple) {
        object* made[split::count] = {};
        submit_task<split_thunk<Function>>(options, split::count, false, made,
                                           std::forward<Arguments>(arguments)...);
        return adopt_each<typename split::refs>(made, typename split::sequence{});
      }
    }
  }

  template <class... Arguments>
  static auto split_list(const task_options* options, parts how_many, Arguments&&... arguments) {
    if constexpr (check<sizeof...(Arguments)>()) {
      using split = split_result<typename result<typename called::result>::value>;
      static_assert(split::is_vector,
                    "mobula: split(parts{n}, ...) needs a function that returns a std::vector");
      if constexpr (split::is_vector) {
        std::vector<object*> made(how_many.count());
        typename split::refs refs;
        refs.reserve(made.size());
        submit_task<split_thunk<Function>>(options, how_many.count(), true, made.data(),
                                           std::forward<Arguments>(arguments)...);
        for (object* each : made) {
          refs.push_back(access::adopt<object_ref<typename split::element>>(each));
        }
        return refs;
      }
    }
  }

 private:
  template <class Refs, std::size_t... At>
  static Refs adopt_each(object** made, std::index_sequence<At...>) {
    return Refs{access::adopt<std::tuple_element_t<At, Refs>>(made[At])...};
  }
};

template <class... Arguments>
inline constexpr bool first_is_parts = false;
template <class First, class... Rest>
inline constexpr bool first_is_parts<First, Rest...> =
    std::is_same_v<std::remove_cvref_t<First>, parts>;

}  // namespace detail

/// A remote function with options: what `remote<f>.with({...})` returns. Copies are cheap enough to
/// keep one for many calls.
template <auto Function>
class remote_function_with {
 public:
  explicit remote_function_with(task_options options) : options_{std::move(options)} {}

  /// As remote_function's.
  template <class... Arguments>
  auto operator()(Arguments&&... arguments) const {
    return detail::remote_call<Function>::whole(&options_, std::forward<Arguments>(arguments)...);
  }
  /// As remote_function's.
  template <class... Arguments>
  auto split(Arguments&&... arguments) const {
    if constexpr (detail::first_is_parts<Arguments...>) {
      return detail::remote_call<Function>::split_list(&options_,
                                                       std::forward<Arguments>(arguments)...);
    } else {
      return detail::remote_call<Function>::split(&options_, std::forward<Arguments>(arguments)...);
    }
  }

 private:
  task_options options_;
};

/// A function that runs on a worker process: see `remote`.
template <auto Function>
class remote_function {
 public:
  /// Submits a task that calls the function. Thread-safe.
  ///
  /// Returns at once, before the task runs; waits only where there is no room to submit. Arguments
  /// are copied; each is a value that converts to its parameter, or an object_ref of one, which the
  /// task waits for. A std::span<const T> also takes a ref of a vector<T>, a std::string_view one
  /// of a string; a parameter that is itself an object_ref receives the ref.
  ///
  /// What the function throws, get throws as task_error. A task whose argument failed fails with
  /// that argument's error, without running.
  /// @return the ref of its result; object_ref<void> names its completion
  /// @throws error before init or after shutdown, or if a ref is empty
  /// @throws too_many_pending if more tasks wait for their arguments than may
  template <class... Arguments>
  auto operator()(Arguments&&... arguments) const {
    return detail::remote_call<Function>::whole(nullptr, std::forward<Arguments>(arguments)...);
  }

  /// Submits in the same way; each part of the result becomes an object of its own.
  ///
  /// split(arguments...) of a function that returns a std::tuple or std::pair returns a std::tuple
  /// of refs: `auto [x, y] = remote<f>.split();`. split(parts{n}, arguments...) of one that returns
  /// a std::vector<T> returns a std::vector of n object_ref<T>; if n elements are not what comes
  /// back, all of them fail.
  template <class... Arguments>
  auto split(Arguments&&... arguments) const {
    if constexpr (detail::first_is_parts<Arguments...>) {
      return detail::remote_call<Function>::split_list(nullptr,
                                                       std::forward<Arguments>(arguments)...);
    } else {
      return detail::remote_call<Function>::split(nullptr, std::forward<Arguments>(arguments)...);
    }
  }

  /// The same function with options, to be called next: `remote<f>.with({.cpus = 4})(x)`.
  [[nodiscard]] remote_function_with<Function> with(task_options options) const {
    return remote_function_with<Function>{std::move(options)};
  }
};

/// Calls a function on a worker process: `object_ref<int> sum = remote<add>(1, 2);`.
///
/// Function is a function, a static member, an instance of a template, or a lambda without
/// captures. An overloaded one is named by its type: `remote<static_cast<int (*)(int)>(f)>`; what a
/// lambda would capture becomes an argument.
template <auto Function>
inline constexpr remote_function<Function> remote{};

}  // namespace mobula
