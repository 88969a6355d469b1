#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace mobula::detail {

class process;

/// A thread that polls for its process while user code keeps all others from it.
///
/// While the process is active it looks once a millisecond whether somebody has polled since. If
/// nobody has, it polls and sleeps in the kernel in their place until somebody does. When another
/// thread of the process sleeps there, it is parked and costs nothing.
class understudy {
 public:
  explicit understudy(process& whose) : whose_{whose} {}
  ~understudy() { stop(); }
  understudy(const understudy&) = delete;
  understudy& operator=(const understudy&) = delete;

  void start();
  void stop();
  /// A thread of the process is awake again.
  void unpark() {
    // Sequentially consistent: the caller has just said that it sleeps no more, and one who parks
    // says so first, then looks who sleeps.
    if (parked_.load()) wake();
  }
  /// Whether it may sleep in place of the others right now.
  bool may_be_asleep() const { return standing_in_.load(std::memory_order_acquire); }
  /// Whether the calling thread is an understudy.
  static bool is_this_thread() { return is_this_thread_; }

 private:
  void run();
  void wake();

  process& whose_;
  std::thread thread_;
  std::mutex lock_;
  std::condition_variable called_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> parked_{false};
  std::atomic<bool> standing_in_{false};
  static constinit thread_local bool is_this_thread_;
};

}  // namespace mobula::detail
