// What is refused of a program that gives Mobula a communicator, in which words, and on which
// ranks; and that a program that was refused can start all the same.

#include <mpi.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mobula/mobula.hpp>
#include <mobula/mpi.hpp>
#include <stdexcept>
#include <string>
#include <thread>

#include "launch/expect.hpp"

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

/// Of mobula::error or std::invalid_argument.
std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const mobula::error& refused) {
    return refused.what();
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "nothing was thrown";
}

void expect_refusal(const char* words, const std::function<void()>& call) {
  const std::string said = refusal_of(call);
  if (said.find(words) != std::string::npos) return;
  std::fprintf(stderr, "not \"%s\", but: %s\n", words, said.c_str());
  std::_Exit(1);
}

void try_without_mpi() {
  expect_refusal("MPI is not running", [] { mobula::init(MPI_COMM_WORLD); });
}

void try_bad_communicators(int rank, int size) {
  expect_refusal("MPI_COMM_NULL", [] { mobula::init(MPI_COMM_NULL, {.mode = mobula::peers}); });
  if (size < 2) return;
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm between = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank == 0 ? 0 : 1, rank, &half);
  MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, rank == 0 ? 1 : 0, 0, &between);
  expect_refusal("intercommunicator", [&] { mobula::init(between); });
  MPI_Comm_free(&between);
  MPI_Comm_free(&half);
}

void try_bad_thread() {
  std::thread{[] {
    expect_refusal("this thread may not call MPI", [] { mobula::init(MPI_COMM_WORLD); });
  }}.join();
}

void try_bad_options(int rank, int size) {
  expect_refusal("cpus", [] { mobula::init(MPI_COMM_WORLD, {.cpus = -1}); });
  expect_refusal("store_bytes",
                 [] { mobula::init(MPI_COMM_WORLD, {.store_bytes = -5, .mode = mobula::peers}); });
  if (size < 2) return;
  // Each rank hears of the first that differs.
  expect_refusal("rank 1 gave Mobula .cpus = 2, and rank 0 .cpus = 1",
                 [&] { mobula::init(MPI_COMM_WORLD, {.cpus = rank + 1}); });
  expect_refusal("rank 1 gave Mobula .mode = peers, and rank 0 .mode = driver", [&] {
    mobula::init(MPI_COMM_WORLD, {.mode = rank == 0 ? mobula::rank_mode::driver : mobula::peers});
  });
  expect_refusal("rank 1 gave Mobula .resources = {\"ssd\": 1}, and rank 0 .resources = {}", [&] {
    mobula::runtime_options options;
    if (rank != 0) options.resources["ssd"] = 1;
    mobula::init(MPI_COMM_WORLD, options);
  });
}

void init_in_a_task() { mobula::init(MPI_COMM_SELF); }

void try_twice(int argc, char** argv) {
  mobula::init(MPI_COMM_WORLD, {.mode = mobula::peers});
  expect_refusal("runs already", [] { mobula::init(MPI_COMM_WORLD, {.mode = mobula::peers}); });
  expect_refusal("runs already", [] { mobula::init(MPI_COMM_SELF); });
  expect_refusal("runs already", [&] { mobula::init(argc, argv); });
  expect_refusal("signals are the program's", [] { mobula::on_preempt([] {}); });
  expect_refusal("only the program's main",
                 [] { mobula::get(mobula::remote<init_in_a_task>(), patience); });
  expect_refusal("limit", [] { mobula::shutdown({.drain = true, .timeout = -1s}); });
  EXPECT_THAT_IT_HOLDS(mobula::is_initialized());
  mobula::shutdown();
  mobula::shutdown();
  expect_refusal("start it once", [&] { mobula::init(argc, argv); });
}

}  // namespace

int main(int argc, char** argv) {
  expect_refusal("mobula/mpi.hpp", [&] { mobula::init(argc, argv, {.mode = mobula::peers}); });
  try_without_mpi();
  MPI_Init(&argc, &argv);
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  try_bad_communicators(rank, size);
  try_bad_thread();
  try_bad_options(rank, size);
  try_twice(argc, argv);
  MPI_Finalize();
  expect_refusal("finalized MPI", [] { mobula::init(MPI_COMM_WORLD); });
  return 0;
}
