// A program that loses a host and goes on. When tasks run on all of its hosts it says so, and when
// it has lost one and tasks run on all others, "right". Its status is then 0.

#include <chrono>
#include <cstdio>
#include <mobula/mobula.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

std::string work(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds{milliseconds});
  return mobula::context().host;
}

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

std::size_t living() {
  std::size_t count = 0;
  for (const auto& one : mobula::nodes(patience)) count += one.alive ? 1 : 0;
  return count;
}

// One task a cpu at least, so that every host has some. Those on a host that is lost are, too.
std::set<std::string> hosts_of_a_round() {
  std::vector<mobula::object_ref<std::string>> all;
  for (int i = 0; i < 24; ++i)
    all.push_back(mobula::remote<work>.with({.strategy = mobula::spread{}})(100));
  std::set<std::string> hosts;
  for (const auto& one : all) {
    try {
      hosts.insert(mobula::get(one, patience));
    } catch (const mobula::worker_died&) {
    }
  }
  return hosts;
}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime runtime(argc, argv, {.cpus = 2});
  try {
    const std::size_t nodes = mobula::nodes(patience).size();
    while (hosts_of_a_round().size() != nodes) {
    }
    say("on all hosts");
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (living() == nodes) {
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error{"no host has been lost"};
      hosts_of_a_round();
    }
    if (hosts_of_a_round().size() != nodes - 1) throw std::runtime_error{"not on all others"};
    say("right");
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "enduring: %s\n", failed.what());
    return 3;
  }
}
