#include "runtime/understudy.hpp"

#include <chrono>

#include "launch/blocked_signals.hpp"
#include "runtime/process.hpp"

namespace mobula::detail {

constinit thread_local bool understudy::is_this_thread_ = false;

void understudy::start() {
  if (thread_.joinable()) return;
  const launch::blocked_signals blocked;
  thread_ = std::thread{[this] { run(); }};
}

void understudy::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  wake();
  whose_.port().interrupt();
  thread_.join();
}

void understudy::wake() {
  const std::lock_guard held{lock_};
  parked_ = false;
  called_.notify_one();
}

void understudy::run() {
  using namespace std::chrono_literals;
  is_this_thread_ = true;
  std::uint64_t seen = whose_.beats_.load();
  while (!stopping_) {
    {
      std::unique_lock held{lock_};
      if (whose_.sleepers_.load() != 0) {
        parked_ = true;
        // One who has woken before this line has seen nobody parked: look once more.
        if (whose_.sleepers_.load() != 0)
          called_.wait(held, [this] { return !parked_ || stopping_; });
        parked_ = false;
      } else {
        called_.wait_for(held, 1ms, [this] { return stopping_.load(); });
      }
    }
    const std::uint64_t now = whose_.beats_.load();
    if (now == seen && whose_.sleepers_.load() == 0 && !stopping_) {
      standing_in_ = true;
      whose_.wait_until([&] {
        return whose_.beats_.load() != seen || stopping_ || whose_.sleepers_.load() != 0;
      });
      standing_in_ = false;
    }
    seen = whose_.beats_.load();
  }
}

}  // namespace mobula::detail
