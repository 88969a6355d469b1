#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/timings.hpp"
#include "micro/rows.hpp"

// Rows measured in jobs of their own: this program is started again with a part to play
// (parts.cpp), and prints what it saw as lines of a name and a number.

namespace mobula::benchmarks {

namespace {

using figures = std::map<std::string, double>;

/// Runs a shell's command line. @returns false, and says so, if it fails
bool run(benchmark::State& state, const std::string& command, figures& seen) {
  FILE* output = ::popen(("exec " + command).c_str(), "r");
  if (!output) std::abort();
  char line[256];
  while (std::fgets(line, sizeof line, output)) {
    char name[128];
    double value = 0;
    if (std::sscanf(line, "%127s %lf", name, &value) == 2) seen[name] = value;
  }
  const int status = ::pclose(output);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  state.SkipWithError(("failed: " + command).c_str());
  return false;
}

class job {
 public:
  job(const std::string& program, const std::string& part)
      : part_{"'" + program + "' --part=" + part} {}
  std::string alone() const { return part_; }
  std::string with_ranks(int ranks) const {
    return "mpirun --oversubscribe --bind-to none -n " + std::to_string(ranks) + " " + part_;
  }
  /// So many logical nodes of one machine.
  std::string on_nodes(int nodes, int ranks) const {
    return "env MOBULA_RANKS_PER_NODE=" + std::to_string((ranks + nodes - 1) / nodes) + " " +
           with_ranks(ranks);
  }
  /// On three hosts that are namespaces, once they are there; root alone can make them.
  std::string on_three_hosts(int ranks) const {
    const std::string slots = std::to_string((ranks + 2) / 3);
    return "bash '" MOBULA_SOURCE_DIR "/tests/cluster/with_nodes.sh' 3 bash -c \"" +
           part_.substr(0, part_.rfind('=')) + "=now; mpirun --bind-to none -H node1:" + slots +
           ",node2:" + slots + ",node3:" + slots + " -n " + std::to_string(ranks) + " " + part_ +
           "\"";
  }
  std::string on_two_nodes() const {
    return "env MOBULA_RANKS_PER_NODE=1 MOBULA_CPUS=1 " + with_ranks(2);
  }

 private:
  std::string part_;
};

void first_task(benchmark::State& state, const job& one) {
  timings taken{state};
  figures sums;
  for ([[maybe_unused]] auto turn : state) {
    const std::uint64_t before = now_ns();
    figures seen;
    if (!run(state, one.alone(), seen)) return;
    const double begin = static_cast<double>(before);
    taken.add(static_cast<std::uint64_t>(seen["first_result"] - begin), 1);
    sums["1_exec_to_main_ms"] += (seen["main"] - begin) * 1e-6;
    sums["2_runtime_ms"] += (seen["runtime"] - seen["main"]) * 1e-6;
    sums["3_first_task_ms"] += (seen["first_result"] - seen["runtime"]) * 1e-6;
    sums["4_shutdown_ms"] += (seen["end"] - seen["ending"]) * 1e-6;
  }
  for (const auto& [name, sum] : sums)
    state.counters[name] = sum / static_cast<double>(state.iterations());
  taken.report();
}

/// The launcher's time included; of it, until the driver's main goes on, and from there to the end.
void start_and_end(benchmark::State& state, const std::string& command) {
  timings taken{state};
  figures sums;
  for ([[maybe_unused]] auto turn : state) {
    const std::uint64_t before = now_ns();
    figures seen;
    if (!run(state, command, seen)) return;
    const std::uint64_t after = now_ns();
    // Where hosts had to be made first, that is not meant.
    const double begun = seen.contains("begun") ? seen["begun"] : static_cast<double>(before);
    taken.add(after - static_cast<std::uint64_t>(begun), 1, after - before);
    sums["1_start_ms"] += (seen["runtime"] - begun) * 1e-6;
    sums["2_shutdown_ms"] += (seen["end"] - seen["ending"]) * 1e-6;
    for (const auto& [name, value] : seen)
      if (name.starts_with("bytes_")) sums[name] += value;
  }
  for (const auto& [name, sum] : sums)
    state.counters[name] = sum / static_cast<double>(state.iterations());
  taken.report();
}

/// One figure of a job that measures by itself: `key`_ns each, `key`_median_ns, `key`_p99_ns; and
/// what it tells beside those of its keys.
void measured_there(benchmark::State& state, const std::string& command, const std::string& key) {
  for ([[maybe_unused]] auto turn : state) {
    const std::uint64_t before = now_ns();
    figures seen;
    if (!run(state, command, seen)) return;
    // By the time of all of it more turns are planned.
    state.SetIterationTime(static_cast<double>(now_ns() - before) * 1e-9);
    state.counters["items_per_second"] = 1e9 / seen[key + "_ns"];
    state.counters["median_ns"] = seen[key + "_median_ns"];
    state.counters["p99_ns"] = seen[key + "_p99_ns"];
    for (const auto& [name, value] : seen)
      if (name.starts_with("processor_")) state.counters[name] = value;
  }
}

/// The same of a job that measures several things by turns: it runs once, for all of their rows.
class measured_by_turns {
 public:
  explicit measured_by_turns(std::string command) : command_{std::move(command)} {}
  void show(benchmark::State& state, const std::string& key) {
    for ([[maybe_unused]] auto turn : state) {
      if (seen_.empty() && !run(state, command_, seen_)) return;
      state.SetIterationTime(1);
      state.counters["items_per_second"] = 1e9 / seen_[key + "_ns"];
      state.counters["median_ns"] = seen_[key + "_median_ns"];
      state.counters["p99_ns"] = seen_[key + "_p99_ns"];
    }
  }

 private:
  std::string command_;
  figures seen_;
};

void resident(benchmark::State& state, const job& one) {
  for ([[maybe_unused]] auto turn : state) {
    figures seen;
    if (!run(state, one.alone(), seen)) return;
    state.SetIterationTime(1);
    for (const auto& [name, value] : seen) state.counters[name] = value;
  }
}

void compile(benchmark::State& state, const std::string& file) {
  timings taken{state};
  const std::string command = std::string{"bash '"} + MOBULA_SOURCE_DIR +
                              "/benchmarks/compile/compile.sh' '" + MOBULA_COMPILER + "' " + file;
  for ([[maybe_unused]] auto turn : state) {
    const std::uint64_t before = now_ns();
    figures seen;
    if (!run(state, command, seen)) return;
    taken.add(now_ns() - before, 1);
    for (const auto& [name, value] : seen) state.counters[name] = value;
  }
  taken.report();
}

}  // namespace

void register_jobs(const std::string& program) {
  const job nodes{program, "nodes"};
  for (const char* key : {"calls_sync", "calls_async", "tasks_async"}) {
    row(std::string{"between nodes: "} + key, [=, command = nodes.on_two_nodes()](
                                                  benchmark::State& state) {
      measured_there(state, command, key);
    })->Iterations(1);
  }
  row("put cold gigabytes", [command = job{program, "cold"}.alone()](benchmark::State& state) {
    measured_there(state, command, "cold");
  })->Iterations(1);
  for (const char* key : {"64_KiB", "1_MiB", "1_GiB", "alone"}) {
    const std::string unit = key == std::string_view{"alone"} ? "" : " gigabytes";
    row("moved between nodes: " + std::string{key} + unit,
        [=, command = job{program, "moving/" + std::string{key}}.on_two_nodes()](
            benchmark::State& state) { measured_there(state, command, key); })
        ->Iterations(1);
  }
  row("exec to first result",
      [one = job{program, "start"}](benchmark::State& state) { first_task(state, one); })
      ->Iterations(10)
      ->Repetitions(1);
  row("start and end/alone", [command = job{program, "start"}.alone()](
                                 benchmark::State& state) { start_and_end(state, command); })
      ->Iterations(10)
      ->Repetitions(1);
  const job start{program, "start"};
  const auto start_row = [](const std::string& name, int ranks, const std::string& command) {
    row("start and end/" + std::to_string(ranks) + name,
        [=](benchmark::State& state) { start_and_end(state, command); })
        ->Iterations(ranks == 64 ? 2 : 5)
        ->Repetitions(1);
  };
  for (const int ranks : {2, 8, 64}) {
    start_row("", ranks, start.with_ranks(ranks));
    // As many ranks as there are nodes, at least.
    start_row(" on 3 nodes", std::max(ranks, 3), start.on_nodes(3, std::max(ranks, 3)));
    start_row(" on 3 hosts", std::max(ranks, 3), start.on_three_hosts(std::max(ranks, 3)));
  }
  row("resident",
      [one = job{program, "resident"}](benchmark::State& state) { resident(state, one); })
      ->Iterations(1)
      ->Repetitions(1);
  for (const char* part : {"mixed", "pending"}) {
    const bool mixed = part == std::string_view{"mixed"};
    row(mixed ? "two workers, tasks of 10 us to 100 ms" : "pending tasks/10000000",
        [one = job{program, part}](benchmark::State& state) { resident(state, one); })
        ->Iterations(1)
        ->Repetitions(mixed ? 3 : 1);
  }
  const auto solver = std::make_shared<measured_by_turns>(job{program, "solver"}.with_ranks(2));
  const std::map<std::string, std::string> solver_rows{{"without", "raw_MPI solver step"},
                                                       {"idle", "its step beside idle Mobula"},
                                                       {"with_tasks", "its step beside tasks"}};
  for (const char* key : {"without", "idle", "with_tasks"}) {
    row(solver_rows.at(key), [=](benchmark::State& state) { solver->show(state, key); })
        ->Iterations(1)
        ->Repetitions(1);
  }
  row("raw_compile standard headers",
      [](benchmark::State& state) { compile(state, "standard_headers.cpp"); })
      ->Iterations(3)
      ->Repetitions(1);
  row("compile ten remote functions",
      [](benchmark::State& state) { compile(state, "ten_functions.cpp"); })
      ->Iterations(3)
      ->Repetitions(1);
}

}  // namespace mobula::benchmarks
