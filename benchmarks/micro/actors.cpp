#include <chrono>
#include <thread>

#include "micro/payload.hpp"
#include "micro/rows.hpp"

// Actors, and tasks that are submitted by actors.

namespace mobula::benchmarks {

namespace {

struct echoing {
  payload call(payload given) { return given; }
};

/// A client of other actors, and of tasks.
struct caller {
  void call(std::vector<actor_handle<echoing>> servers, std::size_t count) {
    std::size_t next = 0;
    submit_and_get(count, [&] {
      return servers[next++ % servers.size()].template call<&echoing::call>(payload{});
    });
  }
  void call_with_ref(actor_handle<echoing> server, std::size_t count) {
    const auto given = put(payload{});
    submit_and_get(count, [&] { return server.template call<&echoing::call>(given); });
  }
  void submit(std::size_t count) {
    submit_and_get(count, [] { return remote<echo>(payload{}); });
  }
};

constexpr std::size_t callers = 4;
// Ray takes half as many actors as there are cores: on two cores, one.
constexpr std::size_t servers = 1;

template <class Actor>
std::vector<actor_handle<Actor>> several(std::size_t count) {
  std::vector<actor_handle<Actor>> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back(actor<Actor>());
  return made;
}

void calls_sync(benchmark::State& state) {
  const auto server = actor<echoing>();
  static_cast<void>(get(server.call<&echoing::call>(payload{})));
  time_each(state, 1,
            [&] { benchmark::DoNotOptimize(get(server.call<&echoing::call>(payload{}))); });
}

void calls_sync_asleep(benchmark::State& state) {
  const auto server = actor<echoing>();
  static_cast<void>(get(server.call<&echoing::call>(payload{})));
  time_after(
      state, 1, [] { std::this_thread::sleep_for(std::chrono::milliseconds{3}); },
      [&] { benchmark::DoNotOptimize(get(server.call<&echoing::call>(payload{}))); });
}

void calls_async(benchmark::State& state) {
  const auto server = actor<echoing>();
  static_cast<void>(get(server.call<&echoing::call>(payload{})));
  time_each(state, 1000,
            [&] { submit_and_get(1000, [&] { return server.call<&echoing::call>(payload{}); }); });
}

void one_to_n(benchmark::State& state) {
  constexpr std::size_t calls = 5000;
  const auto all = several<echoing>(servers);
  const auto client = actor<caller>();
  get(client.call<&caller::call>(all, calls));
  time_each(state, calls, [&] { get(client.call<&caller::call>(all, calls)); });
}

void n_to_n(benchmark::State& state, std::size_t client_count, std::size_t server_count) {
  constexpr std::size_t calls = 5000;
  const auto all = several<echoing>(server_count);
  const auto clients = several<caller>(client_count);
  const auto round = [&] {
    std::vector<object_ref<void>> done;
    for (const auto& client : clients) done.push_back(client.call<&caller::call>(all, calls));
    get(done);
  };
  round();
  time_each(state, client_count * calls, round);
}

void n_to_n_with_argument(benchmark::State& state) {
  constexpr std::size_t calls = 1000;
  const auto all = several<echoing>(servers);
  const auto clients = several<caller>(servers);
  const auto round = [&] {
    std::vector<object_ref<void>> done;
    for (std::size_t i = 0; i < servers; ++i)
      done.push_back(clients[i].call<&caller::call_with_ref>(all[i], calls));
    get(done);
  };
  round();
  time_each(state, servers * calls, round);
}

void multi_tasks(benchmark::State& state, std::size_t client_count) {
  constexpr std::size_t tasks = 10'000;
  const auto clients = several<caller>(client_count);
  const auto round = [&] {
    std::vector<object_ref<void>> done;
    for (const auto& client : clients) done.push_back(client.call<&caller::submit>(tasks));
    get(done);
  };
  round();
  time_each(state, client_count * tasks, round);
}

}  // namespace

void register_actors() {
  row("1:1 actor calls sync", calls_sync);
  row("1:1 actor calls sync, actor asleep", calls_sync_asleep)->Iterations(300);
  row("1:1 actor calls async", calls_async);
  row("1:n actor calls async", one_to_n);
  row("n:n actor calls async", [](benchmark::State& state) { n_to_n(state, callers, servers); });
  for (const std::size_t n : {2, 4}) {
    row("n:n actor calls async/" + std::to_string(n),
        [n](benchmark::State& state) { n_to_n(state, n, n); });
  }
  row("n:n actor calls with argument", n_to_n_with_argument);
  row("multi tasks async", [](benchmark::State& state) { multi_tasks(state, callers); });
  row("multi tasks async/2", [](benchmark::State& state) { multi_tasks(state, 2); });
}

}  // namespace mobula::benchmarks
