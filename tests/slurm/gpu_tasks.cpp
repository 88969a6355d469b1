// Four tasks at once that ask for a GPU each: says where they ran, and with which.

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <mobula/mobula.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int tasks = 4;

struct meeting {
  int here = 0;
  int arrive() { return ++here; }
  int count() { return here; }
};

// None leaves before all are there, so none has a GPU that another has had.
std::string place(mobula::actor_handle<meeting> others) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  for (int here = mobula::get(others.call<&meeting::arrive>()); here < tasks;) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error{std::to_string(here) + " of the tasks run at once"};
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
    here = mobula::get(others.call<&meeting::count>());
  }
  const char* const devices = std::getenv("CUDA_VISIBLE_DEVICES");
  return "node " + std::to_string(mobula::context().node) + " device " +
         (devices ? devices : "none");
}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime job{argc, argv};
  const auto others = mobula::actor<meeting>();
  std::vector<mobula::object_ref<std::string>> places;
  for (int i = 0; i < tasks; ++i) places.push_back(mobula::remote<place>.with({.gpus = 1})(others));
  for (const std::string& one : mobula::get(places)) std::cout << one << '\n';
}
