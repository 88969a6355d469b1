// Pi, from darts thrown at a square: tasks throw them, an actor counts them.
//
//   ./program      or      mpirun -n 2 ./program

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <mobula/mobula.hpp>
#include <random>

// Of `darts` into the unit square, those that are no farther than 1 from its corner. Any function
// can be remote: it runs in another process, perhaps on another node.
std::uint64_t hits(std::uint64_t seed, std::uint64_t darts) {
  std::mt19937_64 random{seed};
  const auto next = [&] { return static_cast<double>(random() >> 11) * 0x1p-53; };
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i < darts; ++i) {
    const double x = next(), y = next();
    if (x * x + y * y <= 1) ++count;
  }
  return count;
}

// Any class can be an actor: one instance, in a process of its own, whose methods are called
// remotely.
class tally {
 public:
  void add(std::uint64_t found, std::uint64_t thrown) {
    hits_ += found;
    darts_ += thrown;
  }
  double pi() const { return 4 * static_cast<double>(hits_) / static_cast<double>(darts_); }

 private:
  std::uint64_t hits_ = 0;
  std::uint64_t darts_ = 0;
};

int main(int argc, char** argv) {
  mobula::runtime runtime(argc, argv);  // from here on this is rank 0 alone: the others serve

  constexpr std::uint64_t tasks = 32, darts = 250'000;
  auto count = mobula::actor<tally>();
  for (std::uint64_t seed = 0; seed < tasks; ++seed) {
    // Neither waits: a call that is given a task's result before it is there runs once it is.
    auto found = mobula::remote<hits>(seed, darts);
    count.call<&tally::add>(found, darts);
  }
  const double pi = mobula::get(count.call<&tally::pi>());
  const std::size_t nodes = mobula::nodes().size();
  std::printf("pi is about %.4f: %d darts on %zu node%s\n", pi, static_cast<int>(tasks * darts),
              nodes, nodes == 1 ? "" : "s");
}
