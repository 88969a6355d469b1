#pragma once

#include <signal.h>

namespace mobula::store {

/// As long as it lives, the calling thread blocks all signals, and so do for life the threads that
/// it starts meanwhile: signals are the business of the others. With them blocked, a file that
/// grows beyond its limit is an error instead of SIGXFSZ.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace mobula::store
