#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mobula/detail/api.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/detail/call.hpp"
#include "mobula/detail/names.hpp"
#include "mobula/detail/signature.hpp"

// What runs where a task does. Each thunk is registered before main, by the static member that
// whoever submits it mentions.

namespace MOBULA_API mobula {
namespace detail {

/// Makes `Thunk::run` known; mentioned, so that it is initialised.
template <class Thunk>
struct registered {
  static inline const bool before_main = register_function(&Thunk::run, Thunk::name);
  static thunk run() noexcept {
    static_cast<void>(&before_main);
    return &Thunk::run;
  }
};

/// Writes one result, which lasts as long as this.
template <class Value>
void write_result(invocation& run, std::size_t index, const Value& value) {
  encoder& to = run.result(static_cast<std::uint32_t>(index));
  const auto write = [&] { encode_whole<Value>(to, value); };
  to.write_with<!is_small<Value>>(write);
  run.end_result();
}

/// Runs a call and writes its result as one.
template <class Value, class Arguments, class Call>
void run_whole(invocation& run, Arguments& arguments, Call&& call) {
  if constexpr (std::is_void_v<Value>) {
    arguments.pass_to(std::forward<Call>(call));
    static_cast<void>(run.result(0));
  } else {
    const Value value = arguments.pass_to(std::forward<Call>(call));
    write_result<Value>(run, 0, value);
  }
}

/// A function's task, its result being one object.
template <auto Function>
struct task_thunk {
  using called = signature<decltype(Function)>;
  static constexpr std::string_view name = name_of_value<Function>();

  static void run(invocation& run) {
    typename called::arguments arguments{run};
    run_whole<typename result<typename called::result>::value>(run, arguments, Function);
  }
};

/// The same, called through split: each part of the result is an object.
template <auto Function>
struct split_thunk {
  using called = signature<decltype(Function)>;
  using value_type = typename result<typename called::result>::value;
  using split = split_result<value_type>;
  static constexpr std::string_view name = name_of_value<Function>();

  static void run(invocation& run) {
    typename called::arguments arguments{run};
    value_type value = arguments.pass_to(Function);
    if constexpr (split::is_vector) {
      if (value.size() != run.result_count()) {
        throw_wrong_parts(name, value.size(), run.result_count());
      }
      for (std::size_t i = 0; i < value.size(); ++i)
        write_result<typename split::element>(run, i, value[i]);
    } else {
      write_each(run, value, typename split::sequence{});
    }
  }

 private:
  template <std::size_t... At>
  static void write_each(invocation& run, const value_type& value, std::index_sequence<At...>) {
    (write_result<std::remove_cv_t<std::tuple_element_t<At, value_type>>>(run, At,
                                                                          std::get<At>(value)),
     ...);
  }
};

/// Whether A{arguments...} or A(arguments...) is one. Aggregates by braces alone: compilers differ
/// in whether they allow the other.
template <class A, class... Stored>
constexpr bool makes() {
  if constexpr (std::is_aggregate_v<A>) {
    return requires(Stored && ... stored) { A{static_cast<Stored&&>(stored)...}; };
  } else {
    return std::is_constructible_v<A, Stored...>;
  }
}

/// The creation of an actor from arguments that arrive as these types.
template <class A, class... Stored>
struct creation_thunk {
  static constexpr std::string_view name = name_of_type<A>();

  static void run(invocation& run) {
    incoming_for<Stored...> arguments{run};
    run.instance() = arguments.pass_to([](Stored&&... stored) {
      if constexpr (std::is_aggregate_v<A>) {
        return std::shared_ptr<A>(new A{static_cast<Stored&&>(stored)...});
      } else {
        return std::make_shared<A>(static_cast<Stored&&>(stored)...);
      }
    });
  }
};

/// A call of an actor's method.
template <class A, auto Method>
struct method_thunk {
  using called = signature<decltype(Method)>;
  static constexpr std::string_view name = name_of_value<Method>();

  static void run(invocation& run) {
    auto* self = static_cast<A*>(run.instance().get());
    if (!self) throw_no_instance(name);
    typename called::arguments arguments{run};
    run_whole<typename result<typename called::result>::value>(
        run, arguments, [self]<class... Passed>(Passed&&... passed) -> decltype(auto) {
          return (self->*Method)(static_cast<Passed&&>(passed)...);
        });
  }
};

}  // namespace detail
}  // namespace mobula
