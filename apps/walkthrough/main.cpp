// Ray's walkthrough from its first line to its last, in C++. Each step prints what it shows, and is
// checked: a step that shows something else ends the program with status 1.
//
//   ./walkthrough      or      mpirun -n 4 ./walkthrough

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdint>
#include <mobula/mobula.hpp>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

bool all_as_shown = true;

// Prints a line of the walkthrough; `holds` says whether it is what the text before it promises.
template <class... Shown>
void show(bool holds, fmt::format_string<Shown...> line, Shown&&... shown) {
  fmt::print("  {}{}\n", fmt::format(line, std::forward<Shown>(shown)...),
             holds ? "" : "   <-- not as it should be");
  all_as_shown &= holds;
}

void step(const char* text) { fmt::print("\n{}\n", text); }

double seconds_since(clock_type::time_point start) {
  return std::chrono::duration<double>(clock_type::now() - start).count();
}

// The remote functions and classes: plain ones, nothing marks them.

int add(int a, int b) { return a + b; }

int slow_one() {
  std::this_thread::sleep_for(500ms);
  return 1;
}

std::string with_resources() { return "ran where what it asked for was free"; }

std::tuple<int, std::string, double> three_values() { return {1, "two", 3.0}; }

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

int sleep_then_return(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds{milliseconds});
  return milliseconds;
}

int add_by_tasks_of_its_own(int from, int to) {
  if (to - from == 1) return from;
  const int middle = from + (to - from) / 2;
  auto left = mobula::remote<add_by_tasks_of_its_own>(from, middle);
  auto right = mobula::remote<add_by_tasks_of_its_own>(middle, to);
  return mobula::get(mobula::remote<add>(left, right));
}

int fails(int value) { throw std::runtime_error{fmt::format("no use for {}", value)}; }

struct counter {
  counter() = default;
  explicit counter(int start) : value{start} {}
  int increment() { return ++value; }
  int value = 0;
};

int increment_elsewhere(mobula::actor_handle<counter> handle, int times) {
  int last = 0;
  for (int i = 0; i < times; ++i) last = mobula::get(handle.call<&counter::increment>());
  return last;
}

// The walkthrough.

void tasks() {
  step("A remote function returns an object ref at once; its task runs on a worker process.");
  auto three = mobula::remote<add>(1, 2);
  show(mobula::get(three) == 3, "get(remote<add>(1, 2)) = {}", mobula::get(three));

  step("Calls run in parallel: four tasks that sleep take as long as one.");
  auto start = clock_type::now();
  mobula::get(mobula::remote<slow_one>());
  const double one_took = seconds_since(start);
  start = clock_type::now();
  std::vector<mobula::object_ref<int>> four;
  for (int i = 0; i < 4; ++i) four.push_back(mobula::remote<slow_one>());
  const double submitting_took = seconds_since(start);
  const auto ones = mobula::get(four);
  const double four_took = seconds_since(start);
  show(submitting_took < 0.25, "submitted within {:.3f} s", submitting_took);
  show(four_took < 2 * one_took, "one took {:.2f} s, four took {:.2f} s", one_took, four_took);
  show(std::accumulate(ones.begin(), ones.end(), 0) == 4, "and returned {}", ones);

  step("A ref as an argument stands for its value; the second task waits for the first.");
  auto six = mobula::remote<add>(three, three);
  auto ten = mobula::remote<add>(six, 4);
  show(mobula::get(ten) == 10, "add(add(3, 3), 4) = {}", mobula::get(ten));

  step("Several return values are several objects.");
  auto [number, text, real] = mobula::remote<three_values>.split();
  show(mobula::get(number) == 1 && mobula::get(text) == "two" && mobula::get(real) == 3.0,
       "{}, {}, {}", mobula::get(number), mobula::get(text), mobula::get(real));

  step("Tasks submit tasks, and wait for them without holding up their worker.");
  const int to_hundred = mobula::get(mobula::remote<add_by_tasks_of_its_own>(1, 101));
  show(to_hundred == 5050, "1 + 2 + ... + 100 = {}", to_hundred);
}

void resources() {
  step("Tasks ask for resources: cpus, gpus, names of your own, fractions. The default is 1 cpu.");
  auto demanding = mobula::remote<with_resources>.with(
      {.cpus = 2, .gpus = 0.5, .resources = {{"Custom", 0.25}}});
  const auto answer = mobula::get(demanding());
  show(!answer.empty(), "2 cpus, half a gpu, a quarter of a Custom: {}", answer);

  const double custom = mobula::cluster_resources()["Custom"];
  const auto at_once = static_cast<int>(custom);
  auto start = clock_type::now();
  std::vector<mobula::object_ref<int>> refs;
  for (int i = 0; i < 2 * at_once; ++i) {
    refs.push_back(
        mobula::remote<sleep_then_return>.with({.cpus = 0.1, .resources = {{"Custom", 1}}})(200));
  }
  mobula::get(refs);
  show(seconds_since(start) > 0.399, "{} tasks of 0.2 s that each want a Custom of {:g}: {:.2f} s",
       2 * at_once, custom, seconds_since(start));

  try {
    mobula::get(mobula::remote<with_resources>.with({.resources = {{"Unobtainium", 1}}})());
    show(false, "a task ran on what no node has");
  } catch (const mobula::infeasible& error) {
    show(true, "what no node has: {}", error.what());
  }
}

void objects() {
  step("put stores an immutable object once; any number of tasks use it by its ref.");
  auto values = mobula::put(std::vector<double>(100'000, 0.5));
  auto one = mobula::remote<sum>(values);
  auto other = mobula::remote<sum>(values);
  show(mobula::get(one) == 50'000 && mobula::get(other) == 50'000, "two sums of it: {}, {}",
       mobula::get(one), mobula::get(other));
  show(mobula::get(values).size() == 100'000, "get returns all {} elements",
       mobula::get(values).size());
}

void waiting() {
  step("wait returns what is ready first, and what is not yet.");
  std::vector<mobula::object_ref<int>> refs;
  for (const int milliseconds : {10, 5'000, 20}) {
    refs.push_back(mobula::remote<sleep_then_return>(milliseconds));
  }
  auto [two, one] = mobula::wait(refs, {.count = 2});
  show(two.size() == 2 && one.size() == 1 && mobula::get(two) == std::vector{10, 20},
       "ready: those of {} ms; pending: {}", mobula::get(two), one.size());
  auto [ready, pending] = mobula::wait(one, {.count = 1, .timeout = 10ms});
  show(ready.empty() && pending.size() == 1, "10 ms later: ready {}, pending {}", ready.size(),
       pending.size());
}

void actors() {
  step("An actor is an object in a process of its own; its methods run one at a time, in order.");
  std::vector<mobula::actor_handle<counter>> counters;
  for (int i = 0; i < 10; ++i) counters.push_back(mobula::actor<counter>());
  std::vector<mobula::object_ref<int>> refs;
  for (const auto& each : counters) refs.push_back(each.call<&counter::increment>());
  const auto ones = mobula::get(refs);
  show(ones == std::vector<int>(10, 1), "ten counters, each incremented once: {}", ones);

  refs.clear();
  for (int i = 0; i < 5; ++i) refs.push_back(counters[0].call<&counter::increment>());
  const auto next = mobula::get(refs);
  show(next == std::vector{2, 3, 4, 5, 6}, "the first one five times more: {}", next);

  auto from_forty = mobula::actor<counter>.with({.cpus = 1})(40);
  show(mobula::get(from_forty.call<&counter::increment>()) == 41,
       "one that was made with 40 and holds a cpu, incremented: 41");

  step("Handles can be given to tasks.");
  const int last = mobula::get(mobula::remote<increment_elsewhere>(from_forty, 3));
  show(last == 44, "a task incremented it three times: {}", last);
}

void errors() {
  step("What a task throws is its value: get throws it, and tasks that need it fail with it.");
  auto failed = mobula::remote<fails>(13);
  try {
    mobula::get(mobula::remote<add>(failed, 1));
    show(false, "the sum of a failure and 1 was a number");
  } catch (const mobula::task_error& error) {
    show(error.message() == "no use for 13", "{}", error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Four cpus on each node, whatever it has: so that four can sleep at once. Likewise a gpu by
  // number, and two of a thing that only this program knows.
  mobula::runtime runtime{argc, argv, {.cpus = 4, .gpus = 1, .resources = {{"Custom", 2}}}};

  step("The job: everything on one machine, or on all nodes that the launcher gave.");
  show(mobula::is_initialized(), "is_initialized() = {}", mobula::is_initialized());
  for (const auto& node : mobula::nodes()) {
    show(node.alive, "node {} on {}: {}", node.node, node.host, node.resources);
  }
  show(mobula::cluster_resources()["cpus"] >= 4, "cluster_resources() = {}",
       mobula::cluster_resources());

  tasks();
  resources();
  objects();
  waiting();
  actors();
  errors();

  step(
      "shutdown ends every process of the job but this one, and drops the task that still sleeps.");
  mobula::shutdown();
  show(!mobula::is_initialized(), "is_initialized() = {}", mobula::is_initialized());
  fmt::print("\n{}\n", all_as_shown ? "All as in Ray's walkthrough." : "NOT all as it should be.");
  return all_as_shown ? 0 : 1;
}
