#include <chrono>
#include <thread>

#include "micro/payload.hpp"
#include "micro/rows.hpp"

// Tasks, one worker awake.

namespace mobula::benchmarks {

namespace {

payload one_task() { return get(remote<echo>(payload{})); }

void tasks_sync(benchmark::State& state) {
  time_each(state, 1, [] { benchmark::DoNotOptimize(one_task()); });
}

// Long enough apart for the worker to fall asleep, and short enough for it to stay leased.
void tasks_sync_asleep(benchmark::State& state) {
  time_after(
      state, 1, [] { std::this_thread::sleep_for(std::chrono::milliseconds{3}); },
      [] { benchmark::DoNotOptimize(one_task()); });
}

void tasks_async(benchmark::State& state) {
  time_each(state, 1000, [] { submit_and_get(1000, [] { return remote<echo>(payload{}); }); });
}

// Ray counts the batches.
void tasks_and_get_batch(benchmark::State& state) {
  time_each(state, 1, [] { submit_and_get(1000, [] { return remote<echo>(payload{}); }); });
}

// A round at this size has gone before, so that memory is warm.
void tasks_outstanding(benchmark::State& state, std::size_t count) {
  std::vector<object_ref<payload>> refs;
  refs.reserve(count);
  const auto round = [&] {
    for (std::size_t i = 0; i < count; ++i) refs.push_back(remote<echo>(payload{}));
    static_cast<void>(wait(refs, {.count = count}));
    refs.clear();
  };
  round();
  time_each(state, count, round);
}

void wait_1k(benchmark::State& state) {
  time_each(state, 1, [] {
    std::vector<object_ref<payload>> pending;
    pending.reserve(1000);
    for (int i = 0; i < 1000; ++i) pending.push_back(remote<echo>(payload{}));
    while (!pending.empty()) pending = wait(std::move(pending)).pending;
  });
}

void completed(benchmark::State& state, std::size_t count) {
  time_each(state, count, [&] {
    std::vector<object_ref<payload>> refs;
    refs.reserve(count);
    for (std::size_t i = 0; i < count; ++i) refs.push_back(remote<echo>(payload{}));
    std::size_t seen = 0;
    for (auto& ref : as_completed(std::move(refs))) {
      benchmark::DoNotOptimize(&ref);
      ++seen;
    }
    if (seen != count) state.SkipWithError("as_completed told of too few");
  });
}

}  // namespace

void register_tasks() {
  row("tasks sync", tasks_sync);
  row("tasks sync, worker asleep", tasks_sync_asleep)->Iterations(300);
  row("tasks async", tasks_async);
  row("tasks and get batch", tasks_and_get_batch);
  for (const int count : {10'000, 1'000'000}) {
    row("tasks outstanding/" + std::to_string(count), [count](benchmark::State& state) {
      tasks_outstanding(state, static_cast<std::size_t>(count));
    })->Iterations(2'000'000 / count);
  }
  row("wait 1k refs", wait_1k);
  for (const int count : {10'000, 100'000, 1'000'000}) {
    row("as_completed/" + std::to_string(count), [count](benchmark::State& state) {
      completed(state, static_cast<std::size_t>(count));
    })->Iterations(2'000'000 / count);
  }
}

}  // namespace mobula::benchmarks
