// Random programs in random worlds. What fails prints its seed; TEST_SEED runs that one alone.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>

#include "simulation/random_program.hpp"

namespace mobula::sim {
namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given ? std::strtoull(given, nullptr, 0) : otherwise;
}

/// The world that a seed means.
world_options options_of(std::uint64_t seed) {
  std::mt19937_64 dice{wire::mix(seed * 3 + 1)};
  world_options options;
  options.seed = seed;
  options.trace = std::getenv("SIMULATION_TRACE") != nullptr;
  options.nodes = static_cast<std::uint16_t>(1 + dice() % 4);
  options.cpus = static_cast<double>(1 + dice() % 3);
  options.gpus = dice() % 2 == 0 ? 1 : 0;
  options.messages.most_ns = std::uint64_t{1000} << dice() % 12;
  options.messages.own_at_once = dice() % 2 == 0;
  options.inline_bytes_max = dice() % 2 == 0 ? 256 : 100'000;
  options.rma = dice() % 2 == 0;
  if (dice() % 3 == 0) {
    options.inline_bytes_max = 256;
    options.store_bytes = 2'700 + dice() % 2'500;
    options.disk_bytes = 1'000'000;
  }
  // Waits are looked into while they go on: none of them is a deadlock.
  options.deadlock.after_ns = std::uint64_t{10'000} << dice() % 10;
  return options;
}

struct tally {
  std::uint64_t tasks = 0;
  std::uint64_t written = 0;  // objects, to disk
  void add(const world& one) {
    tasks += one.tasks_begun();
    written += one.written_to_disk();
  }
};

template <class Run>
void run_seeds(std::uint64_t count, Run&& run) {
  const std::uint64_t first = number_from_environment("TEST_SEED", 1);
  if (std::getenv("TEST_SEED")) count = number_from_environment("SIMULATION_SEEDS", 1);
  std::cout << "seeds " << first << " to " << first + count - 1 << std::endl;
  tally all;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    if (!run(seed, all)) return;
  }
  std::cout << all.tasks << " tasks and calls, " << all.written << " objects went to disk"
            << std::endl;
  if (count >= 1000) {
    EXPECT_GT(all.written, count / 20);
  }
}

TEST(RandomPrograms, RunEveryTaskOnceAndLeaveNothing) {
  run_seeds(number_from_environment("SIMULATION_SEEDS", 10'000),
            [](std::uint64_t seed, tally& all) {
              world it{options_of(seed)};
              const bool good = run_random_program(it, {.depth = 2, .steps_max = 4});
              all.add(it);
              return good;
            });
}

/// Kills workers at random steps, some of them early.
void kill_at_random(world& it) {
  auto dice = std::make_shared<std::mt19937_64>(wire::mix(it.options().seed * 5 + 3));
  const std::uint64_t one_in = std::uint64_t{10} << (*dice)() % 6;
  auto left = std::make_shared<std::uint64_t>(1 + (*dice)() % 3);
  it.on_step = [&it, dice, one_in, left] {
    if (*left == 0 || (*dice)() % one_in != 0) return;
    const auto workers = it.workers();
    if (workers.empty()) return;
    --*left;
    it.kill(workers[(*dice)() % workers.size()]);
  };
}

TEST(RandomPrograms, EndInValuesOrErrorsWhenWorkersAreKilled) {
  run_seeds(number_from_environment("SIMULATION_SEEDS", 10'000),
            [](std::uint64_t seed, tally& all) {
              world_options options = options_of(seed);
              options.deaths = true;
              options.kills_lose = seed % 2 == 0;
              world it{options};
              kill_at_random(it);
              const bool good = run_random_program(it, {.depth = 2, .steps_max = 4});
              all.add(it);
              return good;
            });
}

}  // namespace
}  // namespace mobula::sim
