// Four tasks at once that ask for a GPU each: says where they ran, and with which.

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <mobula/mobula.hpp>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string place() {
  std::this_thread::sleep_for(std::chrono::seconds{1});  // none takes over another's GPU
  const char* const devices = std::getenv("CUDA_VISIBLE_DEVICES");
  return "node " + std::to_string(mobula::context().node) + " device " +
         (devices ? devices : "none");
}

}  // namespace

int main(int argc, char** argv) {
  const mobula::runtime job{argc, argv};
  std::vector<mobula::object_ref<std::string>> places;
  for (int i = 0; i < 4; ++i) places.push_back(mobula::remote<place>.with({.gpus = 1})());
  for (const std::string& one : mobula::get(places)) std::cout << one << '\n';
}
