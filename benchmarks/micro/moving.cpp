#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mobula/mobula.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "common/timings.hpp"
#include "micro/parts.hpp"
#include "runtime/casts.hpp"
#include "runtime/process.hpp"
#include "runtime/store_client.hpp"

// Objects of another node, brought to this one, in a job of two nodes. They are asked for as a task
// does that waits for its arguments: nobody reads them here.

namespace mobula::benchmarks {

namespace {

using block = std::vector<char>;

struct far_keeper {
  std::uint32_t node() { return context().node; }
  /// A worker of a node's first rank is a child of the node's scheduler.
  int scheduler() { return ::getppid(); }
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

struct load {
  std::string_view name;
  std::size_t rounds;
  std::size_t count;
  std::size_t size_bytes;
  std::size_t at_once;
  bool counts_bytes = true;
};
constexpr load loads[] = {
    {"64_KiB", 20, 2048, 64 << 10, 64},
    {"1_MiB", 20, 256, 1 << 20, 4},
    {"1_GiB", 4, 1, 1 << 30, 1},
    {"alone", 500, 1, 64 << 10, 1, false},
};
/// Until memory is warm.
constexpr std::size_t rounds_before = 2;

int only_child() {
  const auto all = children_of(::getpid());
  if (all.size() != 1) std::abort();
  return all.front();
}

void move(const load& what) {
  std::vector<actor_handle<far_keeper>> made;
  do {
    made.push_back(actor<far_keeper>.with({.cpus = 1})());
  } while (get(made.back().call<&far_keeper::node>()) == 0);
  const auto far = made.back();
  const int there = get(far.call<&far_keeper::scheduler>());
  const int here = only_child();
  told_timings taken;
  std::uint64_t used_here = 0;
  std::uint64_t used_there = 0;
  for (std::size_t i = 0; i < what.rounds + rounds_before; ++i) {
    const auto refs = get(far.call<&far_keeper::keep>(what.count, what.size_bytes));
    wait(refs, {.count = refs.size()});
    stream one{refs, what.at_once};
    const auto used_before_here = processor_ns(here) + processor_ns(::getpid());
    const auto used_before_there = processor_ns(there);
    const std::uint64_t before = now_ns();
    one.run();
    const std::uint64_t took = now_ns() - before;
    if (i < rounds_before) continue;
    used_here += processor_ns(here) + processor_ns(::getpid()) - used_before_here;
    used_there += processor_ns(there) - used_before_there;
    taken.add(took, what.count * (what.counts_bytes ? what.size_bytes : 1));
  }
  const std::string key{what.name};
  taken.tell(key);
  const auto gigabytes = static_cast<double>(what.rounds * what.count * what.size_bytes) * 1e-9;
  tell("processor_here_s_per_GB", static_cast<double>(used_here) * 1e-9 / gigabytes);
  tell("processor_there_s_per_GB", static_cast<double>(used_there) * 1e-9 / gigabytes);
}

}  // namespace

void play_moving(int argc, char** argv, std::string_view what) {
  const runtime job{argc, argv, {.store_bytes = 3_GiB}};
  for (const load& one : loads)
    if (one.name == what) return move(one);
  std::fprintf(stderr, "micro moves no \"%.*s\"\n", static_cast<int>(what.size()), what.data());
  std::exit(2);
}

}  // namespace mobula::benchmarks
