#pragma once

#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <mobula/mobula.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "holds_within.hpp"

// What the tests of whole jobs share. Every wait in them has a limit, and tells on passing it what
// the job's processes are doing.

namespace mobula::job {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int slowness = 6;
inline constexpr bool is_sanitized = true;
#else
inline constexpr int slowness = 1;
inline constexpr bool is_sanitized = false;
#endif

/// No answer takes this long unless something is wrong.
inline constexpr std::chrono::seconds patience = 30s * slowness;

/// The job's processes, their threads, and where in the kernel each is, on the standard error.
void print_processes();
/// The processes of this job but the driver, by /proc.
std::vector<int> job_processes();

/// get with a limit.
template <class Refs>
auto got(const Refs& refs) {
  try {
    return get(refs, patience);
  } catch (const timed_out&) {
    print_processes();
    throw;
  }
}

/// Whether `holds()` within `patience`.
template <class Holds>
bool eventually(Holds&& holds) {
  return holds_within(patience, std::forward<Holds>(holds));
}

/// Numbers that the driver and its tasks see at once, all on one machine: a file that each maps.
class shared_numbers {
 public:
  /// A new one, removed with this object.
  shared_numbers();
  /// One that another process made.
  explicit shared_numbers(const std::string& path);
  ~shared_numbers();
  shared_numbers(const shared_numbers&) = delete;
  shared_numbers& operator=(const shared_numbers&) = delete;

  const std::string& path() const { return path_; }
  std::atomic<int>& operator[](std::size_t index) { return numbers_[index]; }

 private:
  static constexpr std::size_t size_bytes = 4096;
  std::string path_;
  bool is_maker_;
  std::atomic<int>* numbers_ = nullptr;
};

/// Counts itself in number 0 and goes on when `count` have. False: they never were there at once.
bool meet(std::string numbers, int count);
/// Sets number 1, then goes on when number 2 is set, and returns `value`.
int await_signal(std::string numbers, int value);
/// What await_signal waits for.
inline constexpr std::size_t begun = 1;
inline constexpr std::size_t signal = 2;

/// await_signal, without asking for a cpu.
object_ref<int> late(const shared_numbers& numbers, int value);

inline int same(int value) { return value; }
inline int plus(int a, int b) { return a + b; }
inline int await_ref(object_ref<int> ref) { return get(ref); }

std::size_t node_count();
/// Of one node, all being alike.
int cpus_of_a_node();
/// Whether everything is free again, within `patience`.
bool all_is_free();

}  // namespace mobula::job
