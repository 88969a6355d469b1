#include "runtime/node_duty.hpp"

#include <poll.h>
#include <signal.h>

#include <chrono>

#include "launch/blocked_signals.hpp"
#include "launch/seat.hpp"
#include "runtime/scheduler_process.hpp"

namespace mobula::detail {

node_duty::~node_duty() {
  if (thread_.joinable()) join(std::chrono::milliseconds{0});
}

duty_end node_duty::carry_out() {
  wait_until_over();
  return conclude();
}

// The scheduler is not reaped here: the thread that joins may have to end it meanwhile.
void node_duty::wait_until_over() {
  if (const launch::child* scheduler = meeting_.scheduler()) {
    pollfd ended{scheduler->descriptor(), POLLIN, 0};
    while (::poll(&ended, 1, -1) < 0) {
    }
  } else {
    try {
      was_dismissed_ =
          launch::serve_seat(meeting_.door(), meeting_.rank(), meeting_.recipe_of_workers()) ==
          launch::seat_end::dismissed;
    } catch (const launch::start_error&) {
      // The scheduler is no more: as if it had ended later.
    }
  }
}

duty_end node_duty::conclude() {
  launch::child* const scheduler = meeting_.scheduler();
  if (!scheduler) {
    return {was_dismissed_ ? duty_end::way::done : duty_end::way::failed,
            "rank " + std::to_string(meeting_.rank()) +
                ": the scheduler of its node has ended; the job ends"};
  }
  const launch::exit_status status = scheduler->wait();
  duty_end ended;
  ended.why = "the scheduler of node " + std::to_string(meeting_.node()) +
              " has ended: " + status.text() + "; the job ends";
  if (status.end == launch::exit_status::how::exited &&
      status.number == scheduler_process::status_if_abandoned) {
    ended.how = duty_end::way::abandoned;
  } else if (!status.good()) {
    ended.how = duty_end::way::failed;
  }
  return ended;
}

void node_duty::begin(std::function<void()> when_over) {
  const launch::blocked_signals blocked;
  thread_ = std::thread{[this, told = std::move(when_over)] {
    wait_until_over();
    over_.store(true, std::memory_order_release);
    told();
  }};
}

bool node_duty::join(std::chrono::milliseconds patience) {
  bool by_itself = true;
  if (launch::child* const scheduler = meeting_.scheduler(); scheduler && !is_over()) {
    pollfd ended{scheduler->descriptor(), POLLIN, 0};
    by_itself = ::poll(&ended, 1, static_cast<int>(patience.count())) != 0;
    if (!by_itself) scheduler->signal(SIGKILL);
  }
  thread_.join();
  return by_itself;
}

}  // namespace mobula::detail
