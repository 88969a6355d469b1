// Writes an array after it was given away, for altered_test.sh: as its argument says it is freed
// then, or fetched by another node. Prints 1 if this is a debug build, which is to tell of that.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mobula/mobula.hpp>
#include <string>
#include <thread>

#include "wire/debug_build.hpp"

namespace {

using namespace std::chrono_literals;
using numbers = mobula::shared_array<std::int64_t>;

struct resident {
  int node() { return static_cast<int>(mobula::context().node); }
  std::int64_t read(mobula::shared_array<const std::int64_t> of) { return of[5]; }
};

bool is_read_elsewhere(const mobula::object_ref<numbers>& ref) {
  // As many as find no room on this node.
  std::vector<mobula::actor_handle<resident>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(mobula::actor<resident>.with({.cpus = 1})());
    if (mobula::get(all.back().call<&resident::node>(), 30s) != 0)
      return mobula::get(all.back().call<&resident::read>(ref), 30s) == -1;
  }
  return false;
}

bool is_freed() {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (mobula::nodes(30s).at(0).store_objects != 0) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime runtime(argc, argv, {.cpus = 2});
  numbers made(100'000, 7);
  std::int64_t* const kept = made.data();
  mobula::object_ref<numbers> ref = mobula::put(std::move(made));
  kept[5] = -1;
  const std::string how = argc > 1 ? argv[1] : "";
  if (how == "sent" && !is_read_elsewhere(ref)) return 1;
  ref = {};
  if (!is_freed()) return 2;
  std::printf("debug build: %d\n", mobula::wire::is_debug_build ? 1 : 0);
  return 0;
}
