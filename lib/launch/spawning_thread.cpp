#include "launch/spawning_thread.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "launch/blocked_signals.hpp"

namespace mobula::launch {

namespace {

class lasting_thread {
 public:
  lasting_thread() {
    const blocked_signals blocked;
    std::thread{[this] { serve(); }}.detach();
  }

  int run(const std::function<int()>& work) {
    const std::lock_guard one_at_a_time{callers_};
    std::unique_lock lock{mutex_};
    work_ = &work;
    changed_.notify_all();
    changed_.wait(lock, [&] { return work_ == nullptr; });
    return result_;
  }

 private:
  void serve() {
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [&] { return work_ != nullptr; });
      result_ = (*work_)();
      work_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex callers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<int()>* work_ = nullptr;
  int result_ = 0;
};

}  // namespace

int on_lasting_thread(const std::function<int()>& work) {
  if (::syscall(SYS_gettid) == ::getpid()) return work();
  // Never destroyed: its thread waits on it until the process ends.
  static auto* const thread = new lasting_thread;
  return thread->run(work);
}

}  // namespace mobula::launch
