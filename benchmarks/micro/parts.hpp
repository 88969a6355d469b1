#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What the parts have in common that this program plays in jobs of their own (see jobs.cpp).

namespace mobula::benchmarks {

/// One figure, for the process that started the job.
void tell(const std::string& name, double value);

/// Times of rounds of operations, told under one key as measured_there wants to hear them.
class told_timings {
 public:
  void add(std::uint64_t ns, std::size_t operations);
  void tell(const std::string& key);

 private:
  std::vector<double> each_ns_;
  double all_ns_ = 0;
  double operations_ = 0;
};

/// The processes that `parent` has started and that are still there.
std::vector<int> children_of(int parent);
/// The sum of what stands in a file of /proc behind a name at the beginning of a line.
double field_of(const std::string& path, const std::string& name);

// The parts.
void play_mixed(int argc, char** argv);
void play_pending(int argc, char** argv);
void play_solver(int argc, char** argv);
void play_moving(int argc, char** argv, std::string_view what);

}  // namespace mobula::benchmarks
