#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace mobula::sim {

/// Virtual time, and what happens in it. Nothing happens but in `step`; events of one instant
/// happen in the order in which they were asked for.
class timeline {
 public:
  using event = std::function<void()>;

  std::uint64_t now_ns() const { return now_ns_; }
  /// What lies in the past happens next.
  void at(std::uint64_t when_ns, event what);
  void after(std::uint64_t delay_ns, event what) { at(now_ns_ + delay_ns, std::move(what)); }
  /// Goes on to the next event. False: there is none.
  bool step();
  bool empty() const { return planned_.empty(); }
  std::uint64_t steps() const { return steps_; }

 private:
  struct planned {
    std::uint64_t when_ns = 0;
    std::uint64_t order = 0;
    event what;
  };
  static bool later(const planned& a, const planned& b) {
    return a.when_ns != b.when_ns ? a.when_ns > b.when_ns : a.order > b.order;
  }

  std::uint64_t now_ns_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<planned> planned_;  // a heap, the next one first
};

}  // namespace mobula::sim
