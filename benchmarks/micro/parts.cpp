#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "micro/payload.hpp"
#include "micro/rows.hpp"
#include "runtime/casts.hpp"
#include "runtime/process.hpp"
#include "runtime/store_client.hpp"

// The parts that this program plays in jobs that jobs.cpp starts.

namespace mobula::benchmarks {

namespace {

void tell(const std::string& name, double value, int digits = 1) {
  std::printf("%s %.*f\n", name.c_str(), digits, value);
}

// Starts, runs one task, ends.
void play_start(int argc, char** argv) {
  const auto entered = static_cast<double>(now_ns());
  {
    const runtime job{argc, argv};
    tell("runtime", static_cast<double>(now_ns()));
    tell("main", entered);  // from here on only the driver speaks
    static_cast<void>(get(remote<echo>(payload{})));
    tell("first_result", static_cast<double>(now_ns()));
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
  std::vector<double> each;
  double all = 0;
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::uint64_t before = now_ns();
    round();
    const auto took = static_cast<double>(now_ns() - before);
    all += took;
    each.push_back(took / static_cast<double>(operations));
  }
  std::sort(each.begin(), each.end());
  tell(key + "_operations", static_cast<double>(rounds * operations));
  tell(key + "_ns", all / static_cast<double>(rounds * operations));
  tell(key + "_median_ns", each[rounds / 2]);
  tell(key + "_p99_ns", each[rounds * 99 / 100]);
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

using block = std::vector<char>;

struct far_keeper {
  std::uint32_t node() { return context().node; }
  std::vector<object_ref<block>> keep(std::size_t count, std::size_t size) {
    std::vector<object_ref<block>> refs;
    const block value(size, 'x');
    for (std::size_t i = 0; i < count; ++i) refs.push_back(put(value));
    return refs;
  }
};

/// Brings objects to this node's store, so many at a time, and reads none of them.
class stream {
 public:
  stream(const std::vector<object_ref<block>>& refs, std::size_t at_once) : refs_{refs} {
    lanes_.reserve(at_once);
    for (std::size_t i = 0; i < at_once; ++i) lanes_.emplace_back(new lane{*this});
  }
  void run() {
    detail::process& self = detail::process::require();
    {
      const std::lock_guard held{self.lock()};
      for (const auto& one : lanes_) next(*one);
      self.flush();
    }
    self.wait_until([&] { return ended_ == refs_.size(); });
  }

 private:
  struct lane final : core::waiter {
    explicit lane(stream& of) : whose{of} {}
    void on_ready(core::object&) override {
      ++whose.ended_;
      whose.next(*this);
    }
    stream& whose;
  };
  void next(lane& one) {
    if (begun_ == refs_.size()) return;
    core::object& record = detail::record_of(detail::access::record_of(refs_[begun_++]));
    if (!detail::process::require().store().bring(record, one)) std::abort();
  }

  const std::vector<object_ref<block>>& refs_;
  std::vector<std::unique_ptr<lane>> lanes_;
  std::size_t begun_ = 0;
  std::size_t ended_ = 0;
};

// Objects of the other node, brought here.
void play_moving(int argc, char** argv) {
  const runtime job{argc, argv, {.store_bytes = 3_GiB}};
  std::vector<actor_handle<far_keeper>> made;
  do {
    made.push_back(actor<far_keeper>.with({.cpus = 1})());
  } while (get(made.back().call<&far_keeper::node>()) == 0);
  const auto far = made.back();
  const auto bring = [&](const std::string& key, std::size_t rounds, std::size_t count,
                         std::size_t size, std::size_t at_once) {
    std::vector<double> each;
    double all = 0;
    for (std::size_t i = 0; i < rounds + 2; ++i) {
      const auto refs = get(far.call<&far_keeper::keep>(count, size));
      wait(refs, {.count = refs.size()});
      stream one{refs, at_once};
      const std::uint64_t before = now_ns();
      one.run();
      if (i < 2) continue;  // until memory is warm
      const auto took = static_cast<double>(now_ns() - before);
      all += took;
      each.push_back(took / static_cast<double>(count * size));
    }
    std::sort(each.begin(), each.end());
    tell(key + "_operations", static_cast<double>(rounds * count * size));
    tell(key + "_ns", all / static_cast<double>(rounds * count * size), 6);
    tell(key + "_median_ns", each[each.size() / 2], 6);
    tell(key + "_p99_ns", each[each.size() * 99 / 100], 6);
  };
  bring("64_KiB", 10, 2048, 64 << 10, 64);
  bring("1_MiB", 10, 256, 1 << 20, 4);
  bring("1_GiB", 3, 1, 1 << 30, 1);
  bring("alone", 500, 1, 64 << 10, 1);
}

double field_of(const std::string& path, const std::string& name) {
  std::ifstream file{path};
  double sum = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) sum += std::strtod(line.c_str() + name.size(), nullptr);
  }
  return sum;
}

int parent_of(const std::string& process) {
  return static_cast<int>(field_of("/proc/" + process + "/status", "PPid:"));
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
  const int self = ::getpid();
  DIR* all = ::opendir("/proc");
  if (!all) std::abort();
  while (const dirent* one = ::readdir(all)) {
    const std::string process = one->d_name;
    if (process.find_first_not_of("0123456789") != std::string::npos) continue;
    const int parent = parent_of(process);
    if (parent == self) tell_memory("scheduler", process);
    if (parent > 1 && parent != self && parent_of(std::to_string(parent)) == self)
      tell_memory("worker", process);
  }
  ::closedir(all);
}

}  // namespace

bool play_part(int argc, char** argv, int& status) {
  constexpr std::string_view option = "--part=";
  if (argc < 2 || !std::string_view{argv[1]}.starts_with(option)) return false;
  const std::string_view part = std::string_view{argv[1]}.substr(option.size());
  status = 0;
  if (part == "start") {
    play_start(argc, argv);
  } else if (part == "nodes") {
    play_nodes(argc, argv);
  } else if (part == "moving") {
    play_moving(argc, argv);
  } else if (part == "resident") {
    play_resident(argc, argv);
  } else {
    std::fprintf(stderr, "micro knows no part \"%s\"\n", argv[1]);
    status = 2;
  }
  return true;
}

}  // namespace mobula::benchmarks
