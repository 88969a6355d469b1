// Peers that compute with MPI and with tasks until one of them ends in the way that is asked for,
// for peers_end.sh.
//
//   peers VICTIM WAY     the rank, and: kill, abort, throw, exit, return, scheduler (which it
//   kills),
//                        waiting (in shutdown, which no other calls), nobody (all shut down);
//                        driver: no peers, but the driver is killed, and those that serve hear of
//                        it

#include <mpi.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mobula/mobula.hpp>
#include <mobula/mpi.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "programs/mpi_solver.hpp"

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

double first_of(const std::vector<double>& piece) {
  const auto end = clock_type::now() + 1ms;
  while (clock_type::now() < end) {
  }
  return piece.front();
}

void stay() { std::this_thread::sleep_for(1h); }

/// The first child of a node's first rank is its scheduler.
pid_t own_scheduler() {
  pid_t first = 0;
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream children{task.path() / "children"};
    for (pid_t one = 0; children >> one;)
      if (first == 0 || one < first) first = one;
  }
  return first;
}

void end_as(const std::string& way) {
  if (way == "kill") ::raise(SIGKILL);
  if (way == "abort") std::abort();
  if (way == "throw") throw std::runtime_error{"nobody catches this"};
  if (way == "exit") std::exit(12);
  if (way == "scheduler") {
    const pid_t scheduler = own_scheduler();
    if (scheduler != 0) ::kill(scheduler, SIGKILL);  // 0 is this whole process group
  }
  if (way == "waiting") {
    std::thread{[] {
      std::this_thread::sleep_for(300ms);
      ::raise(SIGKILL);
    }}.detach();
    mobula::shutdown();
  }
}

int lose_the_driver(int rank) {
  try {
    mobula::init(MPI_COMM_WORLD, {.cpus = 2});
  } catch (const mobula::error& told) {
    std::fprintf(stderr, "rank %d was told: %s\n", rank, told.what());
    std::fflush(stderr);
    std::_Exit(5);  // MPI has nobody to end with
  }
  if (rank != 0) return 98;
  static_cast<void>(mobula::get(mobula::remote<first_of>(std::vector<double>{1})));
  end_as("kill");
  return 99;
}

}  // namespace

int main(int argc, char** argv) {
  const int victim = argc > 1 ? std::atoi(argv[1]) : 0;
  const std::string way = argc > 2 ? argv[2] : "nobody";
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (way == "driver") return lose_the_driver(rank);
  mobula::init(MPI_COMM_WORLD, {.cpus = 2, .mode = mobula::peers});
  rod mine{MPI_COMM_WORLD, 100};
  static_cast<void>(mobula::remote<stay>.with({.cpus = 0})());
  std::vector<mobula::object_ref<double>> looks;
  constexpr int steps_before_the_end = 50;
  const auto end = clock_type::now() + 60s;
  for (int step = 0; clock_type::now() < end; ++step) {
    mine.step();
    looks.push_back(mobula::remote<first_of>(mine.piece()));
    if (looks.size() == 10) looks.clear();
    if (step != steps_before_the_end) continue;
    MPI_Barrier(MPI_COMM_WORLD);
    if (way == "nobody") break;
    if (rank != victim) continue;
    if (way == "return") return 12;
    end_as(way);
  }
  MPI_Finalize();
  if (way == "nobody") std::puts("right");
  return way == "nobody" ? 0 : 99;
}
