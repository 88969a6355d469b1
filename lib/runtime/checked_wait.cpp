#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "mobula/detail/backend.hpp"
#include "mobula/options.hpp"

namespace mobula::detail {

namespace {

bool has_twice(std::span<object* const> records) {
  // Records of one batch of tasks lie in order: then one look at each tells.
  if (std::is_sorted(records.begin(), records.end(), std::less_equal<>{})) return false;
  std::vector<object*> sorted(records.begin(), records.end());
  std::sort(sorted.begin(), sorted.end(), std::less<>{});
  return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

}  // namespace

std::size_t checked_wait(std::span<object* const> records, double count, const time_limit& limit) {
  if (limit.nanoseconds() < 0) {
    throw std::invalid_argument(
        "mobula: a time limit is negative or not a number; 0 polls, "
        "mobula::forever waits without a limit");
  }
  const double most = static_cast<double>(records.size());
  const bool in_range = records.empty() ? count == 0 : count >= 1 && count <= most;
  if (!in_range || count != std::floor(count)) {
    throw std::invalid_argument("mobula: wait's count is " + std::to_string(count) +
                                ", but must be a whole number from 1 to the number of refs, " +
                                std::to_string(records.size()));
  }
  if (has_twice(records)) {
    throw std::invalid_argument("mobula: an object_ref stands twice among those to wait for");
  }
  return static_cast<std::size_t>(count);
}

}  // namespace mobula::detail
