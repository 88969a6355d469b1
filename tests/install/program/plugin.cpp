#include "plugin.hpp"

#include <chrono>
#include <mobula/mobula.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

int square(int value) {
  if (value == 0) throw std::domain_error{"not of 0"};
  return value * value;
}

void take_long() { std::this_thread::sleep_for(10min); }

}  // namespace

int sum_of_squares(int count) {
  std::vector<mobula::object_ref<int>> all;
  for (int i = 0; i <= count; ++i) all.push_back(mobula::remote<square>(i));
  int sum = 0;
  for (const auto& each : all) {
    try {
      sum += mobula::get(each);
    } catch (const mobula::task_error& error) {
      if (error.exception_type() != "std::domain_error") throw;
    }
  }
  return sum;
}

void give_up() { mobula::get(mobula::remote<take_long>(), 0s); }
