// What a user of an installed Mobula writes first.

#include <cstdio>
#include <mobula/mobula.hpp>

int add(int a, int b) { return a + b; }

struct counter {
  int value = 0;
  int increment() { return ++value; }
};

int main(int argc, char** argv) {
  mobula::runtime runtime(argc, argv);
  auto three = mobula::remote<add>(1, 2);
  auto six = mobula::remote<add>(three, 3);
  auto count = mobula::actor<counter>();
  count.call<&counter::increment>();
  auto two = count.call<&counter::increment>();
  std::printf("%d %d\n", mobula::get(six), mobula::get(two));
}
