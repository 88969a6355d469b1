// What a user of an installed Mobula writes first.

#include <cstdio>
#include <mobula/mobula.hpp>
#include <stdexcept>
#include <string>

#include "plugin.hpp"

int add(int a, int b) { return a + b; }

int refuse(int value) { throw std::invalid_argument{"not " + std::to_string(value)}; }

struct counter {
  int value = 0;
  int increment() { return ++value; }
  void overflow() { throw std::overflow_error{"too many"}; }
};

// What is thrown in a task, an actor, the library or another library of the user's arrives by its
// class.
template <class Work>
std::string caught(const Work& work) {
  try {
    work();
  } catch (const mobula::task_error& error) {
    return error.exception_type();
  } catch (const mobula::timed_out&) {
    return "timed_out";
  } catch (const mobula::error&) {
    return "error";
  }
  return "nothing";
}

int main(int argc, char** argv) {
  mobula::runtime runtime(argc, argv);
  auto three = mobula::remote<add>(1, 2);
  auto six = mobula::remote<add>(three, 3);
  auto count = mobula::actor<counter>();
  count.call<&counter::increment>();
  auto two = count.call<&counter::increment>();
  std::printf("%d %d %d", mobula::get(six), mobula::get(two), sum_of_squares(3));
  std::printf(" %s", caught([] { mobula::get(mobula::remote<refuse>(7)); }).c_str());
  std::printf(" %s", caught([&] { mobula::get(count.call<&counter::overflow>()); }).c_str());
  std::printf(" %s", caught([] { mobula::get(mobula::object_ref<int>{}); }).c_str());
  std::printf(" %s\n", caught([] { give_up(); }).c_str());
}
