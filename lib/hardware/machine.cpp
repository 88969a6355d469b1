#include "hardware/machine.hpp"

#include <algorithm>
#include <set>

namespace mobula::hardware {

std::uint64_t machine::memory_bytes() const {
  std::uint64_t sum = 0;
  for (const memory_domain& one : memory) sum += one.size_bytes;
  return sum;
}

unsigned machine::packages() const {
  std::set<unsigned> all;
  for (const core& one : cores) all.insert(one.package);
  return static_cast<unsigned>(all.size());
}

thread_set machine::threads() const {
  thread_set all;
  for (const core& one : cores) all |= one.threads;
  return all;
}

}  // namespace mobula::hardware
