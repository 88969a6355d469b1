#pragma once

#include <signal.h>

namespace mobula::launch {

/// While it lives the calling thread takes none of these signals, and nor, for good, do the threads
/// that it starts: signals are the program's, whose own threads take them.
class blocked_signals {
 public:
  blocked_signals() : blocked_signals{all()} {}
  explicit blocked_signals(const sigset_t& these) {
    ::pthread_sigmask(SIG_SETMASK, &these, &before_);
  }
  ~blocked_signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  blocked_signals(const blocked_signals&) = delete;
  blocked_signals& operator=(const blocked_signals&) = delete;

  static sigset_t all() {
    sigset_t every;
    ::sigfillset(&every);
    return every;
  }

 private:
  sigset_t before_;
};

}  // namespace mobula::launch
