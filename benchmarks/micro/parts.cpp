#include "micro/parts.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "common/timings.hpp"
#include "micro/payload.hpp"
#include "micro/rows.hpp"
#include "store/large_copy.hpp"

// The parts that this program plays in jobs that jobs.cpp starts.

namespace mobula::benchmarks {

void tell(const std::string& name, double value) { std::printf("%s %.17g\n", name.c_str(), value); }

void told_timings::add(std::uint64_t ns, std::size_t operations) {
  all_ns_ += static_cast<double>(ns);
  operations_ += static_cast<double>(operations);
  each_ns_.push_back(static_cast<double>(ns) / static_cast<double>(operations));
}

void told_timings::tell(const std::string& key) {
  std::sort(each_ns_.begin(), each_ns_.end());
  benchmarks::tell(key + "_ns", all_ns_ / operations_);
  benchmarks::tell(key + "_median_ns", each_ns_[each_ns_.size() / 2]);
  benchmarks::tell(key + "_p99_ns", each_ns_[each_ns_.size() * 99 / 100]);
}

double field_of(const std::string& path, const std::string& name) {
  std::ifstream file{path};
  double sum = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) sum += std::strtod(line.c_str() + name.size(), nullptr);
  }
  return sum;
}

std::vector<int> children_of(int parent) {
  std::vector<int> found;
  DIR* all = ::opendir("/proc");
  if (!all) std::abort();
  while (const dirent* one = ::readdir(all)) {
    const std::string process = one->d_name;
    if (process.find_first_not_of("0123456789") != std::string::npos) continue;
    if (field_of("/proc/" + process + "/status", "PPid:") == parent)
      found.push_back(std::stoi(process));
  }
  ::closedir(all);
  return found;
}

namespace {

// Starts, runs one task, ends.
void play_start(int argc, char** argv) {
  const auto entered = static_cast<double>(now_ns());
  {
    const runtime job{argc, argv};
    tell("runtime", static_cast<double>(now_ns()));
    tell("main", entered);  // from here on only the driver speaks
    static_cast<void>(get(remote<echo>(payload{})));
    tell("first_result", static_cast<double>(now_ns()));
    const auto all = nodes();
    tell("bytes_told_by_a_rank", static_cast<double>(all[0].start_bytes_sent));
    tell("bytes_told_to_a_rank", static_cast<double>(all[0].start_bytes_received));
    double most = 0;
    for (const node_state& node : all)
      if (node.node != 0) most = std::max(most, static_cast<double>(node.link_bytes_sent));
    tell("bytes_sent_by_node_0", static_cast<double>(all[0].link_bytes_sent));
    tell("bytes_sent_by_another_node", most);
    tell("ending", static_cast<double>(now_ns()));
  }
  tell("end", static_cast<double>(now_ns()));
}

struct far_actor {
  std::uint32_t node() { return context().node; }
  payload call(payload given) { return given; }
};

/// Times `rounds` rounds of `operations` each.
template <class Round>
void measure(const std::string& key, std::size_t rounds, std::size_t operations,
             const Round& round) {
  told_timings taken;
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::uint64_t before = now_ns();
    round();
    taken.add(now_ns() - before, operations);
  }
  taken.tell(key);
}

// Puts into memory that nobody has used before, by one thread.
void play_cold(int argc, char** argv) {
  constexpr std::size_t bytes = std::size_t{800} << 20;
  const runtime job{argc, argv, {.cpus = 1, .store_bytes = 4_GiB}};
  store::share_large_copies(1);
  const std::vector<std::int64_t> value(bytes / sizeof(std::int64_t), 7);
  std::vector<object_ref<std::vector<std::int64_t>>> kept;
  measure("cold", 4, bytes, [&] { kept.push_back(put(value)); });
}

// Two nodes of one cpu: what does not fit on ours runs on the other.
void play_nodes(int argc, char** argv) {
  const runtime job{argc, argv};
  std::vector<actor_handle<far_actor>> made;
  for (;;) {
    made.push_back(actor<far_actor>.with({.cpus = 1})());
    if (get(made.back().call<&far_actor::node>()) != 0) break;
  }
  const auto far = made.back();
  const auto call = [&] { return far.call<&far_actor::call>(payload{}); };
  for (int i = 0; i < 1000; ++i) static_cast<void>(get(call()));
  measure("calls_sync", 10'000, 1, [&] { static_cast<void>(get(call())); });
  for (int i = 0; i < 20; ++i) submit_and_get(1000, call);
  measure("calls_async", 200, 1000, [&] { submit_and_get(1000, call); });
  if (made.size() == 1) return;
  made = {far};  // our own node's cpu is free again: tasks run here and there
  const auto task = [] { return remote<echo>(payload{}); };
  for (int i = 0; i < 20; ++i) submit_and_get(1000, task);
  measure("tasks_async", 200, 1000, [&] { submit_and_get(1000, task); });
}

void tell_memory(const std::string& kind, const std::string& process) {
  const std::string path = "/proc/" + process + "/smaps_rollup";
  tell(kind + "_resident_KiB", field_of(path, "Rss:"));
  tell(kind + "_private_KiB", field_of(path, "Private_Clean:") + field_of(path, "Private_Dirty:"));
}

// Alone: the driver's child is the scheduler, and the scheduler's are the workers.
void play_resident(int argc, char** argv) {
  const runtime job{argc, argv, {.cpus = 1}};
  for (int i = 0; i < 100; ++i) static_cast<void>(get(remote<echo>(payload{})));
  tell_memory("driver", "self");
  for (const int scheduler : children_of(::getpid())) {
    tell_memory("scheduler", std::to_string(scheduler));
    for (const int worker : children_of(scheduler)) tell_memory("worker", std::to_string(worker));
  }
}

}  // namespace

bool play_part(int argc, char** argv, int& status) {
  constexpr std::string_view option = "--part=";
  if (argc < 2 || !std::string_view{argv[1]}.starts_with(option)) return false;
  const std::string_view part = std::string_view{argv[1]}.substr(option.size());
  status = 0;
  if (part == "now") {
    tell("begun", static_cast<double>(now_ns()));
  } else if (part == "start") {
    play_start(argc, argv);
  } else if (part == "cold") {
    play_cold(argc, argv);
  } else if (part == "nodes") {
    play_nodes(argc, argv);
  } else if (part.starts_with("moving/")) {
    play_moving(argc, argv, part.substr(part.find('/') + 1));
  } else if (part == "mixed") {
    play_mixed(argc, argv);
  } else if (part == "pending") {
    play_pending(argc, argv);
  } else if (part == "solver") {
    play_solver(argc, argv);
  } else if (part == "resident") {
    play_resident(argc, argv);
  } else {
    std::fprintf(stderr, "micro knows no part \"%s\"\n", argv[1]);
    status = 2;
  }
  return true;
}

}  // namespace mobula::benchmarks
