#pragma once

#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/detail/api.hpp"
#include "mobula/detail/call.hpp"

// What a function, a captureless lambda or a method takes and returns.

namespace MOBULA_API mobula {
namespace detail {

template <class Function>
struct signature {
  static constexpr bool is_known = false;
};

template <class Result, class... Declared>
struct signature_parts {
  static constexpr bool is_known = true;
  using result = Result;
  using parameters = type_list<Declared...>;
  using arguments = incoming_for<Declared...>;
};

template <class R, class... P>
struct signature<R (*)(P...)> : signature_parts<R, P...> {};
template <class R, class... P>
struct signature<R (*)(P...) noexcept> : signature_parts<R, P...> {};

template <class Class, class R, class... P>
struct method_parts : signature_parts<R, P...> {
  using owner = Class;
};
template <class C, class R, class... P>
struct signature<R (C::*)(P...)> : method_parts<C, R, P...> {};
template <class C, class R, class... P>
struct signature<R (C::*)(P...) noexcept> : method_parts<C, R, P...> {};
template <class C, class R, class... P>
struct signature<R (C::*)(P...) const> : method_parts<C, R, P...> {};
template <class C, class R, class... P>
struct signature<R (C::*)(P...) const noexcept> : method_parts<C, R, P...> {};
template <class C, class R, class... P>
struct signature<R (C::*)(P...)&> : method_parts<C, R, P...> {};
template <class C, class R, class... P>
struct signature<R (C::*)(P...)& noexcept> : method_parts<C, R, P...> {};
template <class C, class R, class... P>
struct signature<R (C::*)(P...) const&> : method_parts<C, R, P...> {};
template <class C, class R, class... P>
struct signature<R (C::*)(P...) const& noexcept> : method_parts<C, R, P...> {};

/// A lambda's, or that of another object with one call operator.
template <class Function>
requires requires { &Function::operator(); }
struct signature<Function> : signature<decltype(&Function::operator())> {};

/// What a function returns, and what of it travels.
template <class Result>
struct result {
  static_assert(!std::is_reference_v<Result>,
                "mobula: a remote function can't return a reference: what it refers to stays in "
                "the process that ran it; return the value");
  static_assert(!is_pointer<std::remove_cv_t<Result>>,
                "mobula: a remote function can't return a pointer: what it points to stays in the "
                "process that ran it; return the value or a std::unique_ptr");
  static_assert(!is_view<std::remove_cv_t<Result>>,
                "mobula: a remote function can't return a view or span: what it views stays in the "
                "process that ran it; return a container or string");
  static constexpr bool is_allowed = !std::is_reference_v<Result> &&
                                     !is_pointer<std::remove_cv_t<Result>> &&
                                     !is_view<std::remove_cv_t<Result>>;
  using value = std::conditional_t<is_allowed, std::remove_cvref_t<Result>, void>;
};

/// What `split` makes of a result.
template <class Value>
struct split_result {
  static constexpr bool is_tuple = false;
  static constexpr bool is_vector = false;
};
template <class... Each>
struct split_result<std::tuple<Each...>> {
  static constexpr bool is_tuple = sizeof...(Each) > 0;
  static constexpr bool is_vector = false;
  static constexpr std::size_t count = sizeof...(Each);
  using refs = std::tuple<object_ref<Each>...>;
  using sequence = std::index_sequence_for<Each...>;
};
template <class First, class Second>
struct split_result<std::pair<First, Second>> : split_result<std::tuple<First, Second>> {};
template <class T, class Allocator>
struct split_result<std::vector<T, Allocator>> {
  static constexpr bool is_tuple = false;
  static constexpr bool is_vector = true;
  using element = T;
  using refs = std::vector<object_ref<T>>;
};

}  // namespace detail
}  // namespace mobula
