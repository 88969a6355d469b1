// Tasks and actors with GPUs: each runs a CUDA kernel on the devices that it was given, and sees no
// others. Ends with status 1 if anything is not as it should be.
//
//   ./gpu      or      mpirun -n 2 ./gpu

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <mobula/mobula.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "gpu/device.hpp"

namespace {

using namespace std::chrono_literals;

/// What a task or actor saw, and whether its kernel's results were right on each device.
struct sight {
  std::vector<std::string> devices;
  std::vector<int> ids;
  int process = 0;
  bool right = true;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& devices& ids& process& right;
  }
};

bool kernel_is_right(int device) {
  constexpr std::size_t count = 1 << 20;
  std::vector<float> x(count), y(count);
  for (std::size_t i = 0; i < count; ++i) {
    x[i] = static_cast<float>(i % 1000);
    y[i] = static_cast<float>(i % 7);
  }
  const std::vector<float> found = gpu::saxpy(device, 2, x, y);
  for (std::size_t i = 0; i < count; ++i)
    if (found[i] != 2 * x[i] + y[i]) return false;
  return true;
}

sight look() {
  sight seen;
  seen.devices = gpu::devices();
  seen.ids = mobula::gpu_ids();
  seen.process = static_cast<int>(mobula::context().process);
  for (const int device : seen.ids) seen.right = seen.right && kernel_is_right(device);
  return seen;
}

/// Keeps what it computes on its device from one call to the next.
struct accumulator {
  std::vector<float> sum = std::vector<float>(1000);
  sight seen() { return look(); }
  float add(float a) {
    sum = gpu::saxpy(0, a, std::vector<float>(sum.size(), 1), sum);
    return sum.back();
  }
};

bool all_as_it_should_be = true;

template <class... Shown>
void show(bool holds, fmt::format_string<Shown...> line, Shown&&... shown) {
  fmt::print("  {}{}\n", fmt::format(line, std::forward<Shown>(shown)...),
             holds ? "" : "   <-- not as it should be");
  all_as_it_should_be &= holds;
}

// Each of several at once has one of its own.
void whole_ones(int count) {
  std::vector<mobula::object_ref<sight>> refs;
  for (int i = 0; i < 2 * count; ++i) refs.push_back(mobula::remote<look>.with({.gpus = 1})());
  std::set<std::string> all;
  bool right = true;
  for (const sight& one : mobula::get(refs, 120s)) {
    right = right && one.right && one.devices.size() == 1 && one.ids == std::vector<int>{0};
    all.insert(one.devices.begin(), one.devices.end());
  }
  show(right, "{} tasks with one GPU each saw that one alone and computed on it: {}", 2 * count,
       fmt::join(all, ", "));
}

void all_of_a_node(int count) {
  const sight one = mobula::get(mobula::remote<look>.with({.gpus = count})(), 120s);
  show(one.right && static_cast<int>(one.devices.size()) == count &&
           static_cast<int>(one.ids.size()) == count,
       "a task with all {} of a node saw {} and computed on each", count, one.devices.size());
}

void parts() {
  std::vector<mobula::object_ref<sight>> refs;
  for (int i = 0; i < 4; ++i)
    refs.push_back(mobula::remote<look>.with({.cpus = 0, .gpus = 0.25})());
  std::set<std::string> devices;
  std::set<int> processes;
  bool right = true;
  for (const sight& one : mobula::get(refs, 120s)) {
    right = right && one.right && one.devices.size() == 1;
    devices.insert(one.devices.begin(), one.devices.end());
    processes.insert(one.process);
  }
  show(right && !devices.empty(),
       "four tasks with a quarter each ran in {} processes on {} device(s)", processes.size(),
       devices.size());
}

void an_actor() {
  const auto one = mobula::actor<accumulator>.with({.gpus = 1})();
  const sight seen = mobula::get(one.call<&accumulator::seen>(), 120s);
  mobula::get(one.call<&accumulator::add>(1.5F), 120s);
  const float sum = mobula::get(one.call<&accumulator::add>(2.0F), 120s);
  show(seen.right && seen.devices.size() == 1 && sum == 3.5F,
       "an actor with one GPU saw {} and summed {} on it", fmt::join(seen.devices, ", "), sum);
}

void none() {
  const sight one = mobula::get(mobula::remote<look>(), 120s);
  show(one.devices.empty() && one.ids.empty(), "a task that asked for none saw {}",
       one.devices.size());
}

int run() {
  const auto nodes = mobula::nodes(60s);
  int most = 0;
  for (const auto& node : nodes) {
    const int count = static_cast<int>(node.gpus.size());
    most = std::max(most, count);
    for (const auto& gpu : node.gpus) fmt::print("node {}: {} {}\n", node.node, gpu.name, gpu.uuid);
  }
  none();
  if (most == 0) {
    fmt::print("No node has a GPU that this run may use.\n");
    return all_as_it_should_be ? 0 : 1;
  }
  whole_ones(most);
  all_of_a_node(most);
  parts();
  an_actor();
  return all_as_it_should_be ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  mobula::runtime runtime{argc, argv};
  try {
    return run();
  } catch (const std::exception& failed) {
    fmt::print(stderr, "gpu: {}\n", failed.what());
    return 1;
  }
}
