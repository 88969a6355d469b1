#pragma once

#include <algorithm>
#include <cstddef>
#include <mobula/mobula.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sorting {

/// Runs `count` tasks, of which few more are under way than there are cpus: what the others will
/// need is not spoken for yet.
class crew {
 public:
  explicit crew(double cpus) : width_{static_cast<std::size_t>(2 * std::max(cpus, 1.0))} {}

  /// @param submit  (which) -> the ref of its result
  /// @param take    (which, the result), in the order in which they come
  void run(std::size_t count, auto&& submit, auto&& take) const {
    using ref = decltype(submit(std::size_t{0}));
    std::vector<ref> pending;
    std::unordered_map<ref, std::size_t> number_of;
    for (std::size_t next = 0; next < count || !pending.empty();) {
      for (; next < count && pending.size() < width_; ++next) {
        pending.push_back(submit(next));
        number_of.emplace(pending.back(), next);
      }
      auto [ready, others] = mobula::wait(std::move(pending), {.count = 1});
      pending = std::move(others);
      for (const auto& one : ready) {
        const auto number = number_of.extract(one);
        take(number.mapped(), mobula::get(one));
      }
    }
  }

 private:
  std::size_t width_;
};

}  // namespace sorting
