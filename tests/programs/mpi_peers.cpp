// A solver that is MPI's own, with Mobula beside it in peers mode: every rank goes on with its halo
// exchange, and has tasks and an actor of its own look at its piece of the rod every few steps.
// What MPI computes is what it computes without Mobula, to the last bit, and what tasks say is
// true; in one job after the other, over communicators of all ranks, of all in another order, and
// of some.

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mobula/mobula.hpp>
#include <mobula/mpi.hpp>
#include <numeric>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "launch/expect.hpp"
#include "programs/mpi_solver.hpp"

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;
constexpr int cells = 1000;
constexpr int steps = 300;
constexpr int steps_between_looks = 10;

double energy(std::span<const double> piece) {
  return std::inner_product(piece.begin(), piece.end(), piece.begin(), 0.0);
}

/// Follows one rank's piece.
struct observer {
  double highest = 0;
  int looks = 0;
  double look(double value) {
    ++looks;
    return highest = std::max(highest, value);
  }
  int count() { return looks; }
};

std::pair<std::uint32_t, std::uint32_t> where() {
  const auto here = mobula::context();
  return {here.node, here.process};
}

bool has_mpi() {
  int begun = 0;
  MPI_Initialized(&begun);
  return begun != 0;
}

std::vector<double> without_tasks(MPI_Comm comm) {
  rod mine{comm, cells};
  for (int step = 0; step < steps; ++step) mine.step();
  return mine.whole();
}

std::vector<double> with_tasks(MPI_Comm comm) {
  rod mine{comm, cells};
  const auto watching = mobula::actor<observer>();
  std::vector<double> expected;
  std::vector<mobula::object_ref<double>> looks;
  std::vector<mobula::object_ref<double>> highest;
  for (int step = 0; step < steps; ++step) {
    mine.step();
    if (step % steps_between_looks != 0) continue;
    const std::vector<double> piece = mine.piece();
    expected.push_back(energy(piece));
    looks.push_back(mobula::remote<energy>.with({.strategy = mobula::spread{}})(piece));
    highest.push_back(watching.call<&observer::look>(looks.back()));
  }
  EXPECT_THAT_IT_HOLDS(mobula::get(looks, patience) == expected);
  EXPECT_THAT_IT_HOLDS(mobula::get(highest, patience).back() ==
                       *std::max_element(expected.begin(), expected.end()));
  EXPECT_THAT_IT_HOLDS(mobula::get(watching.call<&observer::count>(), patience) ==
                       static_cast<int>(expected.size()));
  return mine.whole();
}

mobula::shared_array<double> scaled(std::span<const double> all, double by) {
  mobula::shared_array<double> made(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) made[i] = by * all[i];
  return made;
}

// Objects in stores, of several owners on one node, and on their way to others.
void use_large_objects(int rank) {
  constexpr std::size_t count = 200'000;
  mobula::shared_array<double> mine(count);
  std::iota(mine.begin(), mine.end(), rank);
  const auto put = mobula::put(std::move(mine));
  std::vector<mobula::object_ref<mobula::shared_array<double>>> made;
  for (int by = 1; by <= 4; ++by)
    made.push_back(mobula::remote<scaled>.with({.strategy = mobula::spread{}})(put, by));
  for (int by = 1; by <= 4; ++by) {
    const auto view = mobula::get(made[static_cast<std::size_t>(by - 1)], patience);
    EXPECT_THAT_IT_HOLDS(view.size() == count);
    EXPECT_THAT_IT_HOLDS(view[0] == by * rank && view[count - 1] == by * (rank + count - 1.0));
  }
}

// Every rank is a driver, each a process of its own; tasks of each run on every node.
void check_places(MPI_Comm comm) {
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  const auto here = mobula::context();
  EXPECT_THAT_IT_HOLDS(here.is_driver && here.task.empty());
  const auto nodes = mobula::nodes(patience);
  std::vector<std::uint32_t> mine{here.node, here.process};
  std::vector<std::uint32_t> all(2 * static_cast<std::size_t>(size));
  MPI_Allgather(mine.data(), 2, MPI_UINT32_T, all.data(), 2, MPI_UINT32_T, comm);
  std::set<std::pair<std::uint32_t, std::uint32_t>> processes;
  std::set<std::uint32_t> nodes_of_ranks;
  for (std::size_t i = 0; i < all.size(); i += 2) {
    processes.emplace(all[i], all[i + 1]);
    nodes_of_ranks.insert(all[i]);
  }
  EXPECT_THAT_IT_HOLDS(processes.size() == static_cast<std::size_t>(size));
  EXPECT_THAT_IT_HOLDS(nodes_of_ranks.size() == nodes.size());
  for (const auto& node : nodes) {
    const auto task = mobula::remote<where>.with({.strategy = mobula::on_node{node.node}})();
    const auto ran = mobula::get(task, patience);
    EXPECT_THAT_IT_HOLDS(ran.first == node.node);
    EXPECT_THAT_IT_HOLDS(!processes.contains(ran));
  }
  // Children of ranks, and nobody's ranks themselves.
  EXPECT_THAT_IT_HOLDS(!mobula::get(mobula::remote<has_mpi>(), patience));
}

void play(MPI_Comm comm, const std::vector<double>& expected) {
  int rank = 0;
  MPI_Comm_rank(comm, &rank);
  EXPECT_THAT_IT_HOLDS(!mobula::is_initialized());
  mobula::init(comm, {.mode = mobula::peers});
  EXPECT_THAT_IT_HOLDS(mobula::is_initialized());
  EXPECT_THAT_IT_HOLDS(with_tasks(comm) == expected);
  use_large_objects(rank);
  check_places(comm);
  mobula::shutdown();
  EXPECT_THAT_IT_HOLDS(!mobula::is_initialized());
  EXPECT_THAT_IT_HOLDS(without_tasks(comm) == expected);
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const auto expected = without_tasks(MPI_COMM_WORLD);
  play(MPI_COMM_WORLD, expected);

  MPI_Comm turned = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, 0, size - rank, &turned);
  play(turned, without_tasks(turned));
  MPI_Comm_free(&turned);

  // Two jobs side by side, of the even and the odd ranks.
  MPI_Comm half = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
  play(half, without_tasks(half));
  // And one of the even ranks alone.
  if (rank % 2 == 0) play(half, without_tasks(half));
  MPI_Comm_free(&half);

  // What is not shut down is, before MPI ends.
  mobula::init(MPI_COMM_WORLD, {.mode = mobula::peers});
  EXPECT_THAT_IT_HOLDS(mobula::get(mobula::remote<energy>(std::vector<double>{3, 4}), patience) ==
                       25);
  MPI_Finalize();
  EXPECT_THAT_IT_HOLDS(!mobula::is_initialized());
  return 0;
}
