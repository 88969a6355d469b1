#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mobula::benchmarks {

/// Runs `body` in a forked process until this object goes.
class other_process {
 public:
  template <class Body>
  explicit other_process(Body body) : child_{::fork()} {
    if (child_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
    ::_exit(0);
  }
  ~other_process() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;

 private:
  pid_t child_;
};

}  // namespace mobula::benchmarks
