// A sweep over many cases that goes on where it was when its job had to make room, or came to its
// time limit: the pattern of a program for slurm/preemptible.sbatch.
//
//   ./sweep --cases 1000 --folder DIR      or      mpirun -n 4 ./sweep ...

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <mobula/mobula.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace sweep {
namespace {

enum exit_status { done = 0, failed = 1, usage = 64 };  // and 75: go on with it later

struct options {
  int cases = 100;
  double seconds = 1;
  std::string folder;
};

struct result {
  int number = 0;
  double value = 0;
};

// Stands for a case's real work.
result run_case(int number, double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
  return {number, std::sqrt(number)};
}

// Of those that are ready: one that failed has no value, and is tried again later.
std::vector<mobula::object_ref<result>> done_by_now(
    const std::vector<mobula::object_ref<result>>& cases) {
  const mobula::wait_options now{.count = cases.size(), .timeout = std::chrono::seconds{0}};
  std::vector<mobula::object_ref<result>> good;
  for (const auto& one : mobula::wait(cases, now).ready) {
    try {
      mobula::get(one);
      good.push_back(one);
    } catch (const mobula::error& failed) {
      fmt::print(stderr, "sweep: {}\n", failed.what());
    }
  }
  return good;
}

int run(const options& asked) {
  // What was done before, and the cases that are left.
  std::vector<mobula::object_ref<result>> cases;
  if (mobula::has_checkpoint(asked.folder)) cases = mobula::load<result>(asked.folder);
  const std::size_t before = cases.size();
  std::vector<bool> is_done(static_cast<std::size_t>(asked.cases));
  for (const result& one : mobula::get(cases)) {
    if (one.number >= asked.cases)
      throw std::invalid_argument{
          fmt::format("the checkpoint in {} has case {}, so it is of more cases than {}: give "
                      "--cases as it was then, or another --folder",
                      asked.folder, one.number, asked.cases)};
    is_done[static_cast<std::size_t>(one.number)] = true;
  }
  for (int number = 0; number < asked.cases; ++number) {
    if (!is_done[static_cast<std::size_t>(number)])
      cases.push_back(mobula::remote<run_case>(number, asked.seconds));
  }
  // Before the job is ended: what is done by then. It runs beside main.
  mobula::on_preempt([cases, folder = asked.folder] {
    const auto good = done_by_now(cases);
    mobula::save(good, folder);
    fmt::print("saved {} cases; the others are left for later\n", good.size());
  });

  fmt::print("{} of {} cases were done before; start {} of the job, on {} nodes\n", before,
             asked.cases, mobula::context().restarts + 1, mobula::nodes().size());
  std::fflush(stdout);

  double sum = 0;
  for (const result& one : mobula::get(cases)) sum += one.value;
  fmt::print("the sum over {} cases is {:.6f}\n", asked.cases, sum);
  return done;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{
      "Works through cases; saves what is done when it is warned of its end, and goes on "
      "from there.",
      "sweep"};
  app.footer("Exit status: 0, 75 if it was warned and saved, 1 for an error, 64 for wrong usage.");
  options asked;
  app.add_option("--cases", asked.cases, "How many")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", asked.seconds, "How long each takes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--folder", asked.folder,
                 "For the checkpoint, on a file system that all nodes see")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? done : usage;
  }
  try {
    return run(asked);
  } catch (const std::exception& error) {
    fmt::print(stderr, "sweep: {}\n", error.what());
    return failed;
  }
}

}  // namespace
}  // namespace sweep

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  return sweep::parse_and_run(argc, argv);
}
