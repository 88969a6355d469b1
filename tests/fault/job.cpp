// A job that checks its own answer, for those who kill processes of it (killing.cpp), and for what
// a start can go wrong with.
//
//   job work      rounds of tasks, actors, large objects and refs, for a second and a half
//   job idle      all workers sleep; when one of them dies, a round of work
//   job compute   every worker computes for a minute
//   job spill     more objects than the stores have room for come and go for a minute
//
// The last line of its output is "right", with status 0, or "job: error: ..." with status 3.

#include <signal.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mobula/mobula.hpp>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr auto patience = 20s;
constexpr int workers = 4;

void expect(bool holds, const char* what) {
  if (!holds) throw std::logic_error{std::string{"a wrong answer: "} + what};
}

void say(const char* line) {
  std::puts(line);
  std::fflush(stdout);
}

void compute_for(std::chrono::microseconds length) {
  const auto end = clock_type::now() + length;
  while (clock_type::now() < end) {
  }
}

int square(int value) {
  compute_for(500us);
  return value * value;
}

int sum_of_tree(int from, int to) {
  if (to - from == 1) return from;
  const int middle = from + (to - from) / 2;
  auto left = mobula::remote<sum_of_tree>(from, middle);
  auto right = mobula::remote<sum_of_tree>(middle, to);
  return mobula::get(left) + mobula::get(right);
}

std::vector<int> numbers(int from, int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), from);
  return all;
}

long sum(const std::vector<int>& values) {
  return std::accumulate(values.begin(), values.end(), 0L);
}

struct parcel {
  std::vector<mobula::object_ref<int>> refs;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& refs;
  }
};

// The refs inside are this process's own, or those of the tasks that it submitted.
parcel pack(int count) {
  parcel made;
  for (int i = 0; i < count; ++i) {
    if (i % 2 == 0) {
      made.refs.push_back(mobula::put(i));
    } else {
      made.refs.push_back(mobula::remote<square>(i));
    }
  }
  return made;
}

int unpack(const parcel& one) {
  const std::vector<int> values = mobula::get(one.refs);
  return std::accumulate(values.begin(), values.end(), 0);
}

int hand_on(const parcel& one) { return mobula::get(mobula::remote<unpack>(one)); }

struct account {
  int value = 0;
  int add(int amount) { return value += amount; }
};

void check_tasks() {
  std::vector<mobula::object_ref<int>> squares;
  for (int i = 0; i < 40; ++i) squares.push_back(mobula::remote<square>(i));
  auto tree = mobula::remote<sum_of_tree>(0, 16);
  const auto values = mobula::get(squares, patience);
  for (int i = 0; i < 40; ++i) expect(values[static_cast<std::size_t>(i)] == i * i, "a square");
  expect(mobula::get(tree, patience) == 120, "the sum of a tree");
}

void check_actors() {
  std::vector<mobula::actor_handle<account>> accounts;
  for (int i = 0; i < 2; ++i) accounts.push_back(mobula::actor<account>());
  std::vector<mobula::object_ref<int>> balances;
  for (int i = 1; i <= 10; ++i) {
    for (auto& one : accounts) balances.push_back(one.call<&account::add>(i));
  }
  const auto values = mobula::get(balances, patience);
  for (int i = 1; i <= 10; ++i) {
    const auto at = static_cast<std::size_t>(2 * (i - 1));
    expect(values[at] == i * (i + 1) / 2 && values[at + 1] == values[at], "an actor's balance");
  }
}

void check_large_objects() {
  constexpr int count = 100'000;
  const long whole = static_cast<long>(count) * (count - 1) / 2;
  auto put = mobula::put(numbers(0, count));
  auto made = mobula::remote<numbers>(0, count);
  std::vector<mobula::object_ref<long>> sums;
  for (int i = 0; i < 3; ++i) {
    sums.push_back(mobula::remote<sum>(put));
    sums.push_back(mobula::remote<sum>(made));
  }
  for (const long one : mobula::get(sums, patience))
    expect(one == whole, "the sum of a large object");
  expect(sum(mobula::get(made, patience)) == whole, "a large result");
}

void check_refs_in_flight() {
  const int whole = unpack(pack(8));
  auto first = mobula::remote<pack>(8);
  auto handed_on = mobula::remote<hand_on>(first);
  expect(unpack(mobula::get(first, patience)) == whole, "the refs in a result");
  expect(mobula::get(handed_on, patience) == whole, "refs that were handed on");
}

void work_a_round() {
  check_tasks();
  check_actors();
  check_large_objects();
  check_refs_in_flight();
}

void work() {
  say("begun");
  const auto end = clock_type::now() + 1500ms;
  do work_a_round();
  while (clock_type::now() < end);
}

void take_a_turn() { compute_for(30ms); }

// Until somebody says that a worker is gone.
void await_signal() {
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, SIGUSR1);
  const timespec limit{60, 0};
  if (::sigtimedwait(&only, nullptr, &limit) != SIGUSR1)
    throw std::runtime_error{"nobody ended a worker"};
}

void be_idle() {
  std::vector<mobula::object_ref<void>> all;
  for (int i = 0; i < 2 * workers; ++i) all.push_back(mobula::remote<take_a_turn>());
  mobula::get(all, patience);
  all.clear();
  work_a_round();
  say("idle");
  await_signal();
  for (int i = 0; i < 3; ++i) work_a_round();
}

void compute_long() {
  say("computing");
  compute_for(60s);
}

void compute() {
  std::vector<mobula::object_ref<void>> all;
  for (int i = 0; i < workers; ++i) all.push_back(mobula::remote<compute_long>());
  mobula::get(all);
}

mobula::shared_array<int> filled(int with) {
  mobula::shared_array<int> made(std::size_t{1} << 20);
  std::fill(made.begin(), made.end(), with);
  return made;
}
bool holds(std::span<const int> all, int value) { return all.front() == value; }

void spill() {
  const auto end = clock_type::now() + 60s;
  for (int round = 0; clock_type::now() < end; ++round) {
    std::vector<mobula::object_ref<mobula::shared_array<int>>> made;
    for (int i = 0; i < 40; ++i)
      made.push_back(i % 2 == 0 ? mobula::put(filled(i)) : mobula::remote<filled>(i));
    for (int i = 0; i < 40; ++i)
      expect(mobula::get(mobula::remote<holds>(made[static_cast<std::size_t>(i)], i), patience),
             "of what went to disk");
    std::uint64_t spilled = 0;
    for (const auto& node : mobula::nodes()) spilled += node.store_spilled_bytes;
    if (spilled != 0) say("spilled");
  }
}

int run(std::string_view what) {
  if (what == "work") {
    work();
  } else if (what == "idle") {
    be_idle();
  } else if (what == "compute") {
    compute();
  } else if (what == "spill") {
    spill();
  } else {
    std::fputs("usage: job work|idle|compute|spill\n", stderr);
    return 64;
  }
  say("right");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // Before any thread starts: it is for await_signal alone.
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &only, nullptr);
  try {
    const mobula::runtime runtime(argc, argv, {.cpus = workers});
    return run(argc > 1 ? argv[1] : "");
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "job: error: %s\n", failed.what());
    return 3;
  }
}
