#include <cstring>

#include "micro/payload.hpp"
#include "micro/rows.hpp"
#include "store/large_copy.hpp"

// Objects: putting and getting them.

namespace mobula::benchmarks {

namespace {

using numbers = std::vector<std::int64_t>;
constexpr std::size_t large_bytes = std::size_t{800} << 20;
constexpr std::size_t middle_bytes = std::size_t{80} << 20;

/// So many operations between two looks at the clock.
constexpr std::size_t batch = 1000;

void get_calls(benchmark::State& state) {
  const auto ref = put(payload{});
  time_each(state, batch, [&] {
    for (std::size_t i = 0; i < batch; ++i) benchmark::DoNotOptimize(get(ref));
  });
}

void put_calls(benchmark::State& state) {
  time_each(state, batch, [&] {
    for (std::size_t i = 0; i < batch; ++i) benchmark::DoNotOptimize(put(static_cast<int>(i)));
  });
}

// As Ray: gigabytes, not their copies in between. Into memory that a first one has warmed.
void put_gigabytes(benchmark::State& state) {
  const numbers value(large_bytes / sizeof(std::int64_t), 7);
  static_cast<void>(put(value));
  time_each(state, large_bytes, [&] { benchmark::DoNotOptimize(put(value)); });
}

// The same, by so many threads of the driver, whatever the machine would have.
void put_shared_by(benchmark::State& state, unsigned threads) {
  const unsigned before = store::threads_of_copy(~std::size_t{0});
  store::share_large_copies(threads);
  put_gigabytes(state);
  store::share_large_copies(before);
}

void get_gigabytes(benchmark::State& state) {
  const auto ref = put(numbers(large_bytes / sizeof(std::int64_t), 7));
  static_cast<void>(get(ref));
  time_each(state, large_bytes, [&] { benchmark::DoNotOptimize(get(ref)); });
}

void put_small(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) static_cast<void>(put(0));
}
void put_middle(std::size_t count) {
  const numbers value(middle_bytes / sizeof(std::int64_t), 7);
  for (std::size_t i = 0; i < count; ++i) static_cast<void>(put(value));
}

void multi_put_calls(benchmark::State& state) {
  time_each(state, 1000, [] { submit_and_get_void<put_small>(10, 100); });
}
void multi_put_gigabytes(benchmark::State& state) {
  time_each(state, 10 * 10 * middle_bytes, [] { submit_and_get_void<put_middle>(10, 10); });
}

// Filled in place before, and freed behind; what is timed is the giving away. Another put goes
// before, so that both sizes begin with what a put needs in the processor's caches.
template <std::size_t Bytes>
void put_array(benchmark::State& state) {
  shared_array<std::byte> made;
  object_ref<shared_array<std::byte>> ref;
  time_after(
      state, 1,
      [&] {
        ref = {};
        made = shared_array<std::byte>(Bytes);
        std::memset(made.data(), 7, Bytes);
        static_cast<void>(put(shared_array<std::byte>(std::size_t{64} << 10)));
      },
      [&] { ref = put(std::move(made)); });
}

void get_array(benchmark::State& state) {
  const auto ref = put(shared_array<std::byte>(std::size_t{1} << 30));
  time_each(state, 1, [&] { benchmark::DoNotOptimize(get(ref).data()); });
}

template <std::size_t Bytes>
void put_and_free(benchmark::State& state) {
  const std::vector<std::byte> value(Bytes, std::byte{7});
  time_each(state, 1, [&] { benchmark::DoNotOptimize(put(value)); });
}

void get_10k_refs(benchmark::State& state) {
  std::vector<object_ref<int>> refs;
  for (int i = 0; i < 10'000; ++i) refs.push_back(put(i));
  const auto all = put(refs);
  time_each(state, 1, [&] { benchmark::DoNotOptimize(get(all).data()); });
}

}  // namespace

void register_objects() {
  row("get calls", get_calls);
  row("put calls", put_calls);
  row("put gigabytes", put_gigabytes)->Iterations(5);
  row("put by 1 thread gigabytes", [](benchmark::State& state) {
    put_shared_by(state, 1);
  })->Iterations(5);
  row("put by 2 threads gigabytes", [](benchmark::State& state) {
    put_shared_by(state, 2);
  })->Iterations(5);
  row("get gigabytes", get_gigabytes)->Iterations(5);
  row("multi put calls", multi_put_calls);
  row("multi put gigabytes", multi_put_gigabytes)->Iterations(2);
  row("get 10k refs", get_10k_refs);
  row("put array of 1 MiB", put_array<std::size_t{1} << 20>)->Iterations(200);
  row("put array of 2 MiB", put_array<std::size_t{2} << 20>)->Iterations(100);
  row("put array of 1 GiB", put_array<std::size_t{1} << 30>)->Iterations(5);
  row("get array of 1 GiB", get_array);
  row("put and free 1 KiB", put_and_free<std::size_t{1} << 10>);
  row("put and free 64 KiB", put_and_free<std::size_t{64} << 10>);
}

}  // namespace mobula::benchmarks
