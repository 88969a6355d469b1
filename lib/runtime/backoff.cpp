#include "runtime/backoff.hpp"

#include <sched.h>

#include "transport/ring/wake.hpp"

namespace mobula::detail {

bool backoff::again() {
  if (mode_ == launch::wait_mode::block) return false;
  ++polls_;
  if (mode_ == launch::wait_mode::spin) {
    if (polls_ > plain_polls_) ::sched_yield();
    return true;
  }
  if (polls_ < plain_polls_) return true;
  if (polls_ == plain_polls_) yielding_since_ns_ = last_yield_ns_ = ring::now_ns();
  const std::uint64_t before = last_yield_ns_;
  ::sched_yield();
  last_yield_ns_ = ring::now_ns();
  return last_yield_ns_ - before < late_ns && last_yield_ns_ - yielding_since_ns_ < polling_ns_max;
}

}  // namespace mobula::detail
