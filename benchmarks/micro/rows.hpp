#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "common/ucx_get.hpp"
#include "common/ucx_pair.hpp"

// The rows of the table, by group. Each is registered with Google Benchmark under the name that it
// has in the table; names of Ray's microbenchmark keep their loops.

namespace mobula::benchmarks {

void register_raw(ucx_pairs& pairs, get_pair& reading);
void register_tasks();
void register_actors();
void register_scheduling();
void register_objects();
void register_spill();
/// What is measured in jobs of their own, each started from here: `program` is this one.
void register_jobs(const std::string& program);
/// apps/sort, which stands beside `program`, and sort(1).
void register_sorting(const std::string& program);

/// The parts that this program plays in those jobs.
/// @returns whether the arguments ask for one; `status` is then the exit status
bool play_part(int argc, char** argv, int& status);

/// Registers one row: `body` takes a benchmark::State&.
template <class Body>
benchmark::internal::Benchmark* row(const std::string& name, Body body) {
  return benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime();
}

}  // namespace mobula::benchmarks
