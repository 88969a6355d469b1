#pragma once

#include <signal.h>

namespace mobula {

/// A process that stands still for as long as this lives.
class stopped_process {
 public:
  explicit stopped_process(int process) : process_{process} { ::kill(process, SIGSTOP); }
  ~stopped_process() { ::kill(process_, SIGCONT); }
  stopped_process(const stopped_process&) = delete;
  stopped_process& operator=(const stopped_process&) = delete;

 private:
  int process_;
};

}  // namespace mobula
