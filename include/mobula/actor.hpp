#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "mobula/detail/api.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/detail/thunk.hpp"
#include "mobula/object_ref.hpp"
#include "mobula/options.hpp"

namespace MOBULA_API mobula {

template <class A>
class actor_handle;

namespace detail {

template <class A, auto Method, class... Arguments>
auto call_method(object* actor, const call_options* options, Arguments&&... arguments) {
  using method = method_thunk<A, Method>;
  using called = typename method::called;
  constexpr bool is_method = [] {
    if constexpr (std::is_member_function_pointer_v<decltype(Method)> && called::is_known) {
      return std::is_base_of_v<typename called::owner, A>;
    } else {
      return false;
    }
  }();
  static_assert(is_method, "mobula: call needs a method of the actor's class: call<&A::method>");
  if constexpr (is_method) {
    constexpr bool fits = sizeof...(Arguments) == called::parameters::size;
    static_assert(fits,
                  "mobula: wrong number of arguments: a remote call gives all of them (default "
                  "arguments don't reach it)");
    using value = typename result<typename called::result>::value;
    if constexpr (fits && result<typename called::result>::is_allowed) {
      object* made = nullptr;
      const auto submit_with = [&](auto& call) {
        const call_request request{
            registered<method>::run(), &call.values, {call.refs, call.ref_count}, 1, false};
        call_actor(actor, request, options, &made);
      };
      with_arguments(typename called::parameters{}, std::index_sequence_for<Arguments...>{},
                     submit_with, std::forward<Arguments>(arguments)...);
      return access::adopt<object_ref<value>>(made);
    }
  }
}

}  // namespace detail

/// An actor's handle with options for its next calls: what `handle.with({...})` returns.
template <class A>
class actor_handle_with {
 public:
  actor_handle_with(actor_handle<A> handle, call_options options)
      : handle_{std::move(handle)}, options_{std::move(options)} {}

  /// As actor_handle's.
  template <auto Method, class... Arguments>
  auto call(Arguments&&... arguments) const {
    return detail::call_method<A, Method>(detail::access::record_of(handle_), &options_,
                                          std::forward<Arguments>(arguments)...);
  }

 private:
  actor_handle<A> handle_;
  call_options options_;
};

/// Names an actor: an instance of A in a process of its own.
///
/// Copying is cheap; handles can be sent as refs can. When the last handle of the job goes, the
/// actor finishes what was submitted and ends. A default-made one is empty. May outlive the
/// runtime: destroying it is fine then, using it throws.
template <class A>
class actor_handle {
 public:
  using actor_type = A;

  actor_handle() = default;

  /// Calls a method: `handle.call<&A::add>(1)`. Thread-safe; returns at once.
  ///
  /// Calls from one caller (the driver's thread, a task, another actor) run one at a time, in the
  /// order of submission; one whose arguments are not ready holds back that caller's later ones.
  /// Arguments are given as to a remote function.
  /// @return the ref of the result; if the constructor threw, get throws its task_error
  /// @throws error before init or after shutdown, or if the handle or a ref is empty
  template <auto Method, class... Arguments>
  auto call(Arguments&&... arguments) const {
    return detail::call_method<A, Method>(detail::access::record_of(*this), nullptr,
                                          std::forward<Arguments>(arguments)...);
  }

  /// The same actor with options for its next calls: `handle.with({.name = "x"}).call<&A::m>()`.
  [[nodiscard]] actor_handle_with<A> with(call_options options) const {
    return {*this, std::move(options)};
  }

  /// Whether it names an actor.
  explicit operator bool() const noexcept { return handle_.get() != nullptr; }

  friend bool operator==(const actor_handle& a, const actor_handle& b) noexcept {
    return a.handle_.id() == b.handle_.id();
  }
  /// An order without a meaning, the same in all processes.
  friend std::strong_ordering operator<=>(const actor_handle& a, const actor_handle& b) noexcept {
    return a.handle_.id() <=> b.handle_.id();
  }

  /// For archives other than Mobula's. @throws error always
  template <class Archive>
  void serialize(Archive&, unsigned) {
    detail::throw_foreign_archive();
  }

 private:
  friend struct detail::access;
  explicit actor_handle(detail::handle handle) noexcept : handle_{std::move(handle)} {}

  detail::handle handle_;
};

namespace detail {

template <class A>
struct codec<actor_handle<A>> : codec_of_refs<actor_handle<A>> {};

/// What an argument of a constructor travels as where a ref stands for its value.
template <class Given>
struct resolved_as {
  using type = received<typename stored_as<Given>::type>;
};
template <class T>
struct resolved_as<object_ref<T>> {
  using type = received<T>;
};
template <>
struct resolved_as<object_ref<void>> {
  using type = object_ref<void>;
};

template <class A, class... Stored>
auto create(const actor_options& options, auto&&... arguments) {
  object* made = nullptr;
  const auto submit_with = [&](auto& call) {
    const call_request request{registered<creation_thunk<A, Stored...>>::run(),
                               &call.values,
                               {call.refs, call.ref_count},
                               1,
                               false};
    made = create_actor(request, options);
  };
  with_arguments(type_list<written_as<std::decay_t<decltype(arguments)>, Stored>...>{},
                 std::index_sequence_for<Stored...>{}, submit_with,
                 std::forward<decltype(arguments)>(arguments)...);
  return access::adopt<actor_handle<A>>(made);
}

/// Refs count as their values if A can be made of these, otherwise as refs.
template <class A, class... Arguments>
auto make_actor(const actor_options& options, Arguments&&... arguments) {
  static_assert(std::is_class_v<A> && !std::is_abstract_v<A>,
                "mobula: an actor needs a class that can be instantiated");
  if constexpr (makes<A, typename resolved_as<std::decay_t<Arguments>>::type...>()) {
    return create<A, typename resolved_as<std::decay_t<Arguments>>::type...>(
        options, std::forward<Arguments>(arguments)...);
  } else {
    constexpr bool takes_refs = makes<A, typename stored_as<std::decay_t<Arguments>>::type...>();
    static_assert(takes_refs,
                  "mobula: the actor's class has no constructor for these arguments, neither with "
                  "refs standing for their values nor with all of them as refs (literals arrive as "
                  "std::string)");
    if constexpr (takes_refs) {
      return create<A, typename stored_as<std::decay_t<Arguments>>::type...>(
          options, std::forward<Arguments>(arguments)...);
    } else {
      return actor_handle<A>{};
    }
  }
}

}  // namespace detail

/// A class whose instances are actors, with options: what `actor<A>.with({...})` returns.
template <class A>
class actor_class_with {
 public:
  explicit actor_class_with(actor_options options) : options_{std::move(options)} {}

  /// As actor_class's.
  template <class... Arguments>
  auto operator()(Arguments&&... arguments) const {
    return detail::make_actor<A>(options_, std::forward<Arguments>(arguments)...);
  }

 private:
  actor_options options_;
};

/// A class whose instances are actors: see `actor`.
template <class A>
class actor_class {
 public:
  /// Creates an actor: constructs A from the arguments in a process of its own. Thread-safe;
  /// returns at once.
  ///
  /// Refs among the arguments count as their values if A can be constructed from these, otherwise
  /// all go as refs. Literals arrive as std::string. What the constructor throws, every call's get
  /// throws.
  /// @throws error before init or after shutdown, or if a ref is empty
  template <class... Arguments>
  auto operator()(Arguments&&... arguments) const {
    return detail::make_actor<A>(actor_options{}, std::forward<Arguments>(arguments)...);
  }

  /// The same class with options, to be called next: `actor<A>.with({.cpus = 2})(x)`.
  [[nodiscard]] actor_class_with<A> with(actor_options options) const {
    return actor_class_with<A>{std::move(options)};
  }
};

/// Makes actors of a class: `auto c = actor<counter>();`, then `c.call<&counter::increment>()`.
template <class A>
inline constexpr actor_class<A> actor{};

}  // namespace mobula

template <class A>
struct std::hash<mobula::actor_handle<A>> {
  std::size_t operator()(const mobula::actor_handle<A>& handle) const noexcept {
    return mobula::detail::access::hash(mobula::detail::access::handle_of(handle));
  }
};
