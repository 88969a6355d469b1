#include "runtime/preemption.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "launch/blocked_signals.hpp"
#include "launch/descriptor.hpp"
#include "launch/warnings.hpp"
#include "mobula/errors.hpp"
#include "runtime/errors.hpp"

namespace mobula::detail::preemption {

namespace {

// Read by signal handlers.
std::atomic<int> news{-1};
std::atomic<pid_t> warned_process{0};

void on_warning(int which) {
  const int error = errno;
  if (::getpid() != warned_process) {
    // One that the program has forked: this is no warning for the job.
    ::signal(which, SIG_DFL);
    ::raise(which);
    return;
  }
  static_cast<void>(::eventfd_write(news, 1));
  errno = error;
}

/// One for the process; never destroyed, since its thread sleeps on it.
class watch {
 public:
  void set(std::function<void()> callback, void (*over)(const std::string& failure)) {
    const std::lock_guard held{lock_};
    if (has_begun_) return;
    if (!callback) return give_signals_back();
    start();
    callback_ = std::move(callback);
    over_ = over;
    take_signals();
  }

  void disarm() {
    const std::lock_guard held{lock_};
    callback_ = nullptr;
  }

  void forget() {
    const std::lock_guard held{lock_};
    give_signals_back();
  }

 private:
  void start() {
    if (news >= 0) return;
    const int made = ::eventfd(0, EFD_CLOEXEC);
    if (made < 0)
      throw error{
          "on_preempt has no descriptor to wait on: the limit of open files is reached "
          "(ulimit -n)"};
    launch::descriptor kept{made};
    // The user's handlers are not to run in this thread; but somebody must take the warnings, also
    // where all others block them.
    sigset_t others = launch::blocked_signals::all();
    for (const int one : launch::warnings) ::sigdelset(&others, one);
    const launch::blocked_signals blocked{others};
    try {
      std::thread{[this, made] { serve(made); }}.detach();
    } catch (const std::system_error&) {
      throw error{
          "on_preempt has no thread to wait in: the limit of processes is reached (ulimit -u)"};
    }
    news = kept.release();
  }

  void take_signals() {
    if (has_signals_) return;
    has_signals_ = true;
    warned_process = ::getpid();
    struct sigaction action {};
    action.sa_handler = on_warning;
    action.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < before_.size(); ++i)
      ::sigaction(launch::warnings[i], &action, &before_[i]);
  }

  void give_signals_back() {
    callback_ = nullptr;
    if (!std::exchange(has_signals_, false)) return;
    for (std::size_t i = 0; i < before_.size(); ++i)
      ::sigaction(launch::warnings[i], &before_[i], nullptr);
  }

  std::function<void()> await_warning(int heard_on) {
    for (;;) {
      eventfd_t ignored = 0;
      while (::eventfd_read(heard_on, &ignored) != 0) {
      }
      const std::lock_guard held{lock_};
      if (!callback_) continue;
      has_begun_ = true;
      return std::move(callback_);
    }
  }

  void serve(int heard_on) {
    const std::function<void()> callback = await_warning(heard_on);
    const launch::blocked_signals blocked;
    std::string failure;
    try {
      callback();
    } catch (...) {
      const auto thrown = describe_error(std::current_exception(), {}, {}, {});
      failure = "the callback of on_preempt threw " + thrown.exception +
                (thrown.what.empty() ? "" : ": " + thrown.what) + "; the job ends with status 1";
    }
    over_(failure);
    // The program ends in its own way.
  }

  std::mutex lock_;
  std::function<void()> callback_;
  void (*over_)(const std::string& failure) = nullptr;
  bool has_begun_ = false;
  bool has_signals_ = false;
  std::array<struct sigaction, launch::warnings.size()> before_{};
};

watch& only() {
  static watch& one = *new watch;
  return one;
}

}  // namespace

void set(std::function<void()> callback, void (*over)(const std::string& failure)) {
  only().set(std::move(callback), over);
}

void disarm() { only().disarm(); }

void forget() { only().forget(); }

void exit(int with_status) {
  // Whoever waits for input or output holds a stream's lock, perhaps for ever.
  struct flushing {
    std::mutex lock;
    std::condition_variable changed;
    bool is_done = false;
  };
  constexpr std::chrono::seconds patience{2};
  const auto shared = std::make_shared<flushing>();
  try {
    std::thread{[shared] {
      std::cout.flush();
      std::fflush(nullptr);
      const std::lock_guard held{shared->lock};
      shared->is_done = true;
      shared->changed.notify_all();
    }}.detach();
    std::unique_lock held{shared->lock};
    shared->changed.wait_for(held, patience, [&] { return shared->is_done; });
  } catch (const std::system_error&) {  // no thread is to be had
  }
  ::_exit(with_status);
}

}  // namespace mobula::detail::preemption
