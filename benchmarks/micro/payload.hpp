#pragma once

#include <benchmark/benchmark.h>
#include <mobula/mobula.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace mobula::benchmarks {

/// What the small tasks and calls take and return: 64 bytes.
using payload = std::array<std::uint64_t, 8>;

inline payload echo(payload given) { return given; }

/// `count` calls of `submit`, then one get of all.
template <class Submit>
void submit_and_get(std::size_t count, const Submit& submit) {
  std::vector<decltype(submit())> refs;
  refs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) refs.push_back(submit());
  const auto values = get(refs);
  benchmark::DoNotOptimize(values.data());
}

/// `count` tasks that give nothing, and their end.
template <auto Function>
void submit_and_get_void(std::size_t count, std::size_t argument) {
  std::vector<object_ref<void>> refs;
  refs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) refs.push_back(remote<Function>(argument));
  get(refs);
}

}  // namespace mobula::benchmarks
