#include "transport/sim/timeline.hpp"

#include <algorithm>
#include <utility>

namespace mobula::sim {

void timeline::at(std::uint64_t when_ns, event what) {
  planned_.push_back({std::max(when_ns, now_ns_), asked_++, std::move(what)});
  std::push_heap(planned_.begin(), planned_.end(), later);
}

bool timeline::step() {
  if (planned_.empty()) return false;
  std::pop_heap(planned_.begin(), planned_.end(), later);
  const planned next = std::move(planned_.back());
  planned_.pop_back();
  now_ns_ = next.when_ns;
  ++steps_;
  next.what();
  return true;
}

}  // namespace mobula::sim
