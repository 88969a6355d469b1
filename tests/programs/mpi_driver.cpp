// A program that is MPI's own gives Mobula some of its ranks for a while, again and again: rank 0
// of a communicator drives, the others serve until it shuts down, then all go on with MPI. Each job
// has another driver. Nothing is left of one: no descriptor, no thread, no process; and its refs
// are not taken for those of the next.
//
//   mpi_driver [thread]      all of it in another thread than the main one

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mobula/mobula.hpp>
#include <mobula/mpi.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "launch/expect.hpp"
#include "launch/sum_of_ranks.hpp"

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

int square(int value) { return value * value; }
double sum(std::span<const double> all) { return std::accumulate(all.begin(), all.end(), 0.0); }
struct counter {
  int value = 0;
  int increment() { return ++value; }
};

std::ptrdiff_t entries_of(const char* folder) {
  using entries = std::filesystem::directory_iterator;
  return std::distance(entries{folder}, entries{});
}

std::ptrdiff_t mappings_now() {
  std::ifstream lines{"/proc/self/maps"};
  return std::count(std::istreambuf_iterator<char>{lines}, {}, '\n');
}

bool has_children() {
  for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream children{task.path() / "children"};
    if (int one = 0; children >> one) return true;
  }
  return false;
}

/// What a job leaves behind when its program does not let go of it.
struct remains {
  mobula::object_ref<int> number;
  mobula::object_ref<std::vector<double>> list;
  mobula::actor_handle<counter> actor;
  mobula::shared_array<const double> view;
  std::optional<mobula::shared_array<double>> unsealed;
};

remains use_the_job() {
  std::vector<mobula::object_ref<int>> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(mobula::remote<square>(i));
  int total = 0;
  for (const int one : mobula::get(refs, patience)) total += one;
  EXPECT_THAT_IT_HOLDS(total == 328'350);
  remains left;
  left.actor = mobula::actor<counter>();
  EXPECT_THAT_IT_HOLDS(mobula::get(left.actor.call<&counter::increment>(), patience) == 1);
  mobula::shared_array<double> ones(500'000, 1.0);
  const auto put = mobula::put(std::move(ones));
  EXPECT_THAT_IT_HOLDS(mobula::get(mobula::remote<sum>(put), patience) == 500'000);
  left.view = mobula::get(put, patience);
  left.number = mobula::put(5);
  left.list = mobula::put(std::vector<double>(100'000, 2.0));
  left.unsealed.emplace(500'000, 7.0);
  return left;
}

template <class Call>
std::string refusal_of(Call&& call) {
  try {
    call();
  } catch (const mobula::error& refused) {
    return refused.what();
  }
  return "nothing was thrown";
}

// Of another job: for every use the same answer, and what is in memory stays readable.
void check_remains(remains left) {
  constexpr const char* answer = "of a job that has ended";
  const auto is_refused = [](auto&& call) {
    return refusal_of(call).find(answer) != std::string::npos;
  };
  EXPECT_THAT_IT_HOLDS(is_refused([&] { mobula::get(left.number); }));
  EXPECT_THAT_IT_HOLDS(is_refused([&] { mobula::get(left.list); }));
  EXPECT_THAT_IT_HOLDS(is_refused([&] { mobula::get(std::vector{left.number}); }));
  EXPECT_THAT_IT_HOLDS(is_refused([&] { mobula::wait(std::vector{left.number}); }));
  EXPECT_THAT_IT_HOLDS(is_refused([&] { mobula::as_completed(std::vector{left.number}); }));
  EXPECT_THAT_IT_HOLDS(is_refused([&] { mobula::remote<square>(left.number); }));
  EXPECT_THAT_IT_HOLDS(is_refused([&] { mobula::put(left.number); }));
  EXPECT_THAT_IT_HOLDS(is_refused([&] { left.actor.call<&counter::increment>(); }));
  EXPECT_THAT_IT_HOLDS(refusal_of([&] {
                         mobula::put(std::move(*left.unsealed));
                       }).find("before the runtime was shut down") != std::string::npos);
  EXPECT_THAT_IT_HOLDS(std::accumulate(left.view.begin(), left.view.end(), 0.0) == 500'000);
  EXPECT_THAT_IT_HOLDS((*left.unsealed)[499'999] == 7.0);
}

/// One job of all ranks, with the given one as the driver.
std::optional<remains> play(int driver, std::optional<remains> before) {
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Comm turned = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, 0, (rank - driver + size) % size, &turned);
  std::optional<remains> left;
  mobula::init(turned, {.cpus = 2});
  EXPECT_THAT_IT_HOLDS(mobula::is_initialized() == (rank == driver));
  if (rank == driver) {
    EXPECT_THAT_IT_HOLDS(mobula::context().is_driver);
    left = use_the_job();
    if (before) check_remains(std::move(*before));
    mobula::shutdown();
  }
  EXPECT_THAT_IT_HOLDS(!mobula::is_initialized());
  EXPECT_THAT_IT_HOLDS(!has_children());
  // Nobody answers in the others before the driver has shut down.
  EXPECT_THAT_IT_HOLDS(sum_of_ranks(turned) == size * (size - 1) / 2);
  MPI_Comm_free(&turned);
  return left;
}

void play_all() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  // With what stays for good, whoever drives: the library's own threads, files that MPI opens.
  for (int driver = 0; driver < size; ++driver) play(driver, {});
  play(0, {});
  const auto descriptors = entries_of("/proc/self/fd");
  const auto threads = entries_of("/proc/self/task");
  const auto mappings = mappings_now();
  std::optional<remains> before = play(0, {});
  for (int i = 0; i < 4; ++i) before = play(0, std::move(before));
  before.reset();
  for (int driver = 1; driver < size; ++driver) play(driver, {});
  play(0, {});
  EXPECT_THAT_IT_HOLDS(entries_of("/proc/self/fd") <= descriptors);
  EXPECT_THAT_IT_HOLDS(entries_of("/proc/self/task") <= threads);
  // Allocators keep some, and TSan ten of each job, up to a hundred.
#if defined(__SANITIZE_THREAD__)
  constexpr std::ptrdiff_t allocators_may_keep = 120;
#else
  constexpr std::ptrdiff_t allocators_may_keep = 20;
#endif
  EXPECT_THAT_IT_HOLDS(mappings_now() <= mappings + allocators_may_keep);
}

}  // namespace

int main(int argc, char** argv) {
  const bool in_a_thread = argc > 1;
  int provided = 0;
  MPI_Init_thread(&argc, &argv, in_a_thread ? MPI_THREAD_SERIALIZED : MPI_THREAD_SINGLE, &provided);
  EXPECT_THAT_IT_HOLDS(!in_a_thread || provided >= MPI_THREAD_SERIALIZED);
  if (in_a_thread) {
    std::thread{play_all}.join();
  } else {
    play_all();
  }
  // What is not shut down is, before MPI ends; those that serve are there to end it too.
  mobula::init(MPI_COMM_WORLD);
  if (mobula::is_initialized())
    EXPECT_THAT_IT_HOLDS(mobula::get(mobula::remote<square>(3), patience) == 9);
  MPI_Finalize();
  EXPECT_THAT_IT_HOLDS(!mobula::is_initialized());
  return 0;
}
