#include <mpi.h>

#include <cstdint>
#include <mobula/mobula.hpp>
#include <mobula/mpi.hpp>
#include <vector>

#include "common/timings.hpp"
#include "micro/parts.hpp"
#include "programs/mpi_solver.hpp"

// A solver that is MPI's own, without Mobula and with Mobula beside it in peers mode, by turns:
// what a step costs. A step's length is that of strong scaling near its end, where a disturbance
// shows.

namespace mobula::benchmarks {

namespace {

constexpr int cells = 20'000;
constexpr int steps_at_a_time = 50;
constexpr int times = 100;

void measure(told_timings& into, rod& mine, const auto& between) {
  for (int i = 0; i < times; ++i) {
    MPI_Barrier(MPI_COMM_WORLD);
    const std::uint64_t before = now_ns();
    for (int step = 0; step < steps_at_a_time; ++step) mine.step();
    into.add(now_ns() - before, steps_at_a_time);
    between();
  }
}

double first_of(const std::vector<double>& piece) { return piece.front(); }

}  // namespace

void play_solver(int argc, char** argv) {
  constexpr int turns = 20;
  constexpr auto nothing = [] {};
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  rod mine{MPI_COMM_WORLD, cells};
  told_timings without;
  told_timings idle;
  told_timings with_tasks;
  told_timings warming;
  measure(warming, mine, nothing);
  for (int turn = 0; turn < turns; ++turn) {
    measure(without, mine, nothing);
    init(MPI_COMM_WORLD, {.mode = peers});
    static_cast<void>(get(remote<first_of>(mine.piece())));
    measure(idle, mine, nothing);
    // The piece is copied and submitted outside of what is timed, and looked at beside it.
    std::vector<object_ref<double>> looks;
    measure(with_tasks, mine, [&] { looks.push_back(remote<first_of>(mine.piece())); });
    static_cast<void>(get(looks));
    looks.clear();
    shutdown();
  }
  if (rank == 0) {
    without.tell("without");
    idle.tell("idle");
    with_tasks.tell("with_tasks");
  }
  MPI_Finalize();
}

}  // namespace mobula::benchmarks
