#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/timings.hpp"
#include "core/scheduler.hpp"
#include "micro/parts.hpp"
#include "micro/payload.hpp"
#include "micro/rows.hpp"
#include "wire/codec.hpp"

// Leases: what the scheduler takes for one, how full it keeps workers, and what a task costs that
// can't run yet.

namespace mobula::benchmarks {

namespace {

/// Keeps the leases that are granted; all else goes nowhere.
class grants final : public wire::outbox {
 public:
  std::byte* begin(wire::process_id, std::size_t size) override {
    bytes_.resize(size);
    return bytes_.data();
  }
  void commit() override {
    if (const auto grant = wire::decode<wire::lease_grant>(bytes_)) leases.push_back(grant->lease);
  }
  std::vector<wire::lease_id> leases;

 private:
  std::vector<std::byte> bytes_;
};

class no_processes final : public core::worker_starter {
 public:
  void start_worker(wire::process_id process, const core::process_set&) override {
    started.push_back(process);
  }
  void end_worker(wire::process_id) override {}
  std::vector<wire::process_id> started;
};

// The scheduler's state machine alone: no transport, no process.
void leases(benchmark::State& state) {
  constexpr std::uint32_t count = 64;
  const wire::process_id owner{0, 1};
  grants out;
  no_processes starter;
  wire::resource_amounts total;
  total.cpus = count * wire::resource_amounts::unit;
  core::scheduler one{0, {{"host", {total}}}, starter, out};
  wire::lease_request request;
  request.owner = owner;
  request.count = count;
  request.demand.cpus = request.held.cpus = wire::resource_amounts::unit;
  const auto round = [&] {
    ++request.request;
    const auto asked = wire::bytes_of(request);
    one.on_message(owner, asked);
    // Only so many begin at once.
    while (!starter.started.empty()) {
      for (const auto process : std::exchange(starter.started, {})) one.worker_joined(process);
    }
    if (out.leases.size() != count) return state.SkipWithError("not all leases were granted");
    for (const auto lease : std::exchange(out.leases, {})) {
      const auto back = wire::bytes_of(wire::lease_return{lease});
      one.on_message(owner, back);
    }
  };
  round();
  time_each(state, count, round);
}

void alternations(benchmark::State& state) {
  constexpr std::size_t shapes = 10;
  const auto round = [] {
    for (std::size_t i = 0; i < shapes; ++i) {
      const double cpus = i % 2 == 0 ? 1 : 0.5;
      benchmark::DoNotOptimize(get(remote<echo>.with({.cpus = cpus})(payload{})));
    }
  };
  round();
  time_each(state, shapes, round);
}

// Ray's loop: a hundred groups of one small bundle, made, waited for, removed.
void groups(benchmark::State& state) {
  constexpr std::size_t count = 100;
  const auto round = [] {
    std::vector<placement_group> all;
    for (std::size_t i = 0; i < count; ++i) all.emplace_back(std::vector<bundle>{{.cpus = 0.001}});
    for (const placement_group& one : all) get(one.ready());
    for (const placement_group& one : all) remove(one);
  };
  round();
  time_each(state, count, round);
}

using span_ns = std::pair<std::uint64_t, std::uint64_t>;

span_ns spin(std::uint64_t length_ns) {
  const std::uint64_t begin = now_ns();
  while (now_ns() < begin + length_ns) {
  }
  return {begin, now_ns()};
}

int wait_for_file(std::string path) {
  while (::access(path.c_str(), F_OK) != 0) ::usleep(10'000);
  return 1;
}

int plus_one(int value) { return value + 1; }

}  // namespace

// Tasks of 10 us to 100 ms, mixed, over two workers, beside the best that there could be.
void play_mixed(int argc, char** argv) {
  constexpr std::size_t workers = 2, count = 600;
  const runtime job{argc, argv, {.cpus = workers}};
  std::mt19937_64 random{1};
  std::uniform_real_distribution<double> exponent{4, 8};
  std::vector<std::uint64_t> lengths(count);
  for (auto& length : lengths) length = static_cast<std::uint64_t>(std::pow(10, exponent(random)));
  get(std::vector{remote<spin>(50'000'000), remote<spin>(50'000'000)});  // both are there
  const std::uint64_t begin = now_ns();
  std::vector<object_ref<span_ns>> refs;
  for (const std::uint64_t length : lengths) refs.push_back(remote<spin>(length));
  const auto spans = get(refs);
  double sum = 0, longest = 0;
  std::uint64_t end = begin, last_begin = begin;
  for (const auto& [from, to] : spans) {
    sum += static_cast<double>(to - from);
    longest = std::max(longest, static_cast<double>(to - from));
    end = std::max(end, to);
    last_begin = std::max(last_begin, from);
  }
  const double best = std::max(sum / workers, longest);
  tell("of_the_best_possible", best / static_cast<double>(end - begin));
  double before_last = 0;
  for (const auto& [from, to] : spans)
    before_last += static_cast<double>(std::min(to, last_begin) - std::min(from, last_begin));
  tell("utilisation", before_last / static_cast<double>(workers * (last_begin - begin)));
}

// Ten million tasks that wait for one signal.
void play_pending(int argc, char** argv) {
  constexpr std::size_t count = 10'000'000;
  const runtime job{argc, argv, {.cpus = 1}};
  const auto signal = remote<wait_for_file>(std::string{"/nonexistent/signal"});
  const auto scheduler = "/proc/" + std::to_string(children_of(::getpid()).at(0)) + "/status";
  std::vector<object_ref<int>> refs(count);
  const double before_KiB = field_of("/proc/self/status", "RssAnon:");
  const double scheduler_KiB = field_of(scheduler, "RssAnon:");
  for (auto& ref : refs) ref = remote<plus_one>(signal);
  const double grown_KiB = field_of("/proc/self/status", "RssAnon:") - before_KiB;
  tell("bytes_a_task", grown_KiB * 1024 / static_cast<double>(count));
  tell("scheduler_KiB", field_of(scheduler, "RssAnon:") - scheduler_KiB);
  std::fflush(stdout);
  // Nothing of it shall run, nor be freed one by one.
  std::_Exit(0);
}

void register_scheduling() {
  row("leases granted and returned", leases);
  row("ten alternations of shape", alternations);
  row("placement group create/remove", groups);
}

}  // namespace mobula::benchmarks
