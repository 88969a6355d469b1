#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/codec.hpp"
#include "mobula/detail/api.hpp"
#include "mobula/detail/arrays.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/object_ref.hpp"
#include "mobula/options.hpp"

namespace MOBULA_API mobula {

namespace detail {

/// The value of a ready object; what it names is awaited. @throws the error that stands in its
/// place
template <class T>
received<T> value_of(const object_ref<T>& ref, std::uint64_t deadline_ns) {
  value_view view{access::record_of(ref), deadline_ns};
  if constexpr (!std::is_void_v<T>) return decode<received<T>>(view.bytes());
}

}  // namespace detail

/// Waits for an object and returns a copy of its value; of a shared_array<T>, a shared_array<const
/// T> that shows the elements where they are.
///
/// In a task or actor this suspends the fiber; the worker goes on with others. Thread-safe.
///
/// In a thread that a task started, and in an OpenMP parallel region, it blocks the thread: the
/// cpus of the task are lent to others meanwhile, but its process begins and resumes nothing until
/// the thread or the task has gone on, and no deadlock is found. So each such task keeps a process,
/// of which a node starts no more than 64 and 8 for each cpu.
/// @param limit  0 polls
/// @return the value; for an object_ref<void>, nothing
/// @throws task_error if the function that makes it threw; worker_died, actor_died, owner_died,
///   object_lost and the like if it can't be had
/// @throws timed_out if it is not there at the limit, made and brought to this node with the arrays
///   inside it; it still comes
/// @throws deadlock in a task or actor, without a limit, if what it waits for waits for it
/// @throws std::invalid_argument if the limit is negative
/// @throws error if the ref is empty, before init or after shutdown
template <class T>
detail::received<T> get(const object_ref<T>& ref, time_limit limit = forever) {
  const std::uint64_t deadline = detail::deadline_of(limit);
  detail::await(detail::access::record_of(ref), deadline);
  return detail::value_of(ref, deadline);
}

/// Waits for all of them, then returns their values in order; of object_ref<void> nothing.
/// @throws the first error in the list's order; what get of one ref throws
template <class T>
auto get(const std::vector<object_ref<T>>& refs, time_limit limit = forever) {
  std::vector<detail::object*> records;
  records.reserve(refs.size());
  for (const auto& ref : refs) records.push_back(detail::access::record_of(ref));
  const std::uint64_t deadline = detail::deadline_of(limit);
  detail::await_all({records.data(), records.size()}, deadline);
  if constexpr (std::is_void_v<T>) {
    for (const auto& ref : refs) detail::value_of(ref, deadline);
  } else {
    std::vector<detail::received<T>> values;
    values.reserve(refs.size());
    for (const auto& ref : refs) values.push_back(detail::value_of(ref, deadline));
    return values;
  }
}

/// Waits for all of them, then returns a tuple of their values: `auto [a, b] = get(tuple)`.
/// @throws the first error in the tuple's order; what get of one ref throws
template <class... T>
std::tuple<detail::received<T>...> get(const std::tuple<object_ref<T>...>& refs,
                                       time_limit limit = forever) {
  static_assert((!std::is_void_v<T> && ...),
                "mobula: a tuple has no place for an object_ref<void>: get it by itself");
  return std::apply(
      [&](const object_ref<T>&... each) {
        // One more than there are, so that an empty tuple has a list too.
        detail::object* records[] = {detail::access::record_of(each)..., nullptr};
        const std::uint64_t deadline = detail::deadline_of(limit);
        detail::await_all({records, sizeof...(T)}, deadline);
        return std::tuple<detail::received<T>...>{detail::value_of(each, deadline)...};
      },
      refs);
}

}  // namespace mobula
