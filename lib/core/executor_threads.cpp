// Threads that wait without giving way to other attempts.

#include "core/executor.hpp"
#include "core/invariant.hpp"

namespace mobula::core {

void executor::thread_waits() {
  if (++waiting_threads_ == 1 && running_) hold_up();
}

void executor::thread_goes_on() {
  invariant(waiting_threads_ != 0, "a thread that goes on has waited");
  if (--waiting_threads_ == 0 && running_) let_go();
}

bool executor::thread_may_go_on() const {
  // While others still wait, the cpus would be lent again at once.
  return !running_ || waiting_threads_ != 0 || running_->lease->has_cpus();
}

// The process is held up from now on.
void executor::hold_up() {
  for (const auto& lease : leases_) {
    if (!lease->actor) give_back_all(*lease, wire::return_reason::blocked);
    became_blocked(*lease);
  }
}

// It is no more: what can go on asks for its cpus again. What has none and nothing to run keeps
// them lent until a task is pushed.
void executor::let_go() {
  for (const auto& lease : leases_) {
    if (is_blocked(*lease)) continue;
    const bool goes_on = lease->running || lease->runnable();
    if (goes_on || lease->cpus != cpus_state::lent) became_runnable(*lease);
  }
}

}  // namespace mobula::core
