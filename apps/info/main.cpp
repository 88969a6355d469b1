// What a run sees on each node: its ranks and what they do, cores, GPUs, memory, object store, the
// transport and what it can do, versions.
//
//   ./info      or      mpirun -n 4 ./info      or      srun -N2 ./info

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <exception>
#include <mobula/mobula.hpp>

#include "info/report.hpp"

namespace info {
namespace {

enum exit_status { told = 0, failed = 1, usage = 64 };

int parse_and_tell(int argc, char** argv) {
  CLI::App app{"Shows what a run sees on each of its nodes.", "info"};
  app.footer("Exit status: 0, 1 for an error, 64 for wrong usage.");
  double seconds = 60;
  app.add_option("--timeout", seconds, "How long to wait for the nodes' answers, in seconds")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? told : usage;
  }
  try {
    const std::chrono::duration<double> limit{seconds};
    // By what it goes to others a node knows once something has gone there.
    mobula::nodes(limit);
    fmt::print("{}", report(mobula::nodes(limit)));
    return told;
  } catch (const std::exception& error) {
    fmt::print(stderr, "info: {}\n", error.what());
    return failed;
  }
}

}  // namespace
}  // namespace info

int main(int argc, char** argv) {
  // Before the arguments are looked at: of all ranks only the driver goes on from here.
  mobula::runtime runtime{argc, argv};
  return info::parse_and_tell(argc, argv);
}
