#include <benchmark/benchmark.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <mobula/mobula.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "micro/rows.hpp"
#include "micro/table.hpp"

// Measures the library beside what it is built on, and prints one table.

namespace {

using namespace mobula::benchmarks;

std::string this_program() {
  std::string path(PATH_MAX, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0) std::abort();
  path.resize(static_cast<std::size_t>(size));
  return path;
}

/// Ray's loop, unless the command line says otherwise: warm up for a second, then four runs of two.
std::vector<char*> with_defaults(int argc, char** argv) {
  static std::string defaults[] = {"--benchmark_min_warmup_time=1", "--benchmark_repetitions=4",
                                   "--benchmark_min_time=2"};
  std::vector<char*> all{argv[0]};
  for (std::string& one : defaults) all.push_back(one.data());
  all.insert(all.end(), argv + 1, argv + argc);
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  int status = 0;
  if (play_part(argc, argv, status)) return status;
  // Before any thread starts: it forks.
  ucx_pairs pairs;
  get_pair reading;
  // One worker: with the driver it makes two processes that are awake.
  mobula::runtime job{argc, argv, {.cpus = 1}};

  std::vector<char*> arguments = with_defaults(argc, argv);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  register_raw(pairs, reading);
  register_tasks();
  register_actors();
  register_scheduling();
  register_objects();
  register_spill();
  register_jobs(this_program());
  register_sorting(this_program());
  table shown;
  benchmark::RunSpecifiedBenchmarks(&shown);
  benchmark::Shutdown();
  return 0;
}
