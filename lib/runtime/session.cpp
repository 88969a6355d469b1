#include "runtime/session.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <utility>

#include "hardware/thread_set.hpp"
#include "launch/launcher.hpp"
#include "mobula/detail/backend.hpp"
#include "runtime/inquiries.hpp"
#include "store/large_copy.hpp"

namespace mobula::detail {

namespace {

// With so many a put by the driver comes near to what the memory of a large node can do; more would
// take from the node's tasks.
constexpr unsigned copy_threads_max = 4;

}  // namespace

session::session(start_request asked) : meeting_{std::move(asked)}, duty_{meeting_} {
  meeting_.hold();
}

// If it did not come to `end`: what the duty finds then concerns nobody.
session::~session() { ending_ = true; }

void session::drive(std::uint32_t job) {
  process_ = std::make_unique<process>(meeting_.take_member(), meeting_.settings().wait, job);
  process_->set_cores(0, hardware::thread_set::of_this_thread().text());
  process_->set_restarts(launch::restart_count(launch::this_environment()));
  duty_.begin([this] { duty_is_over(); });
  // Nobody counts the driver's cpus; a task has those that it asked for.
  store::share_large_copies(
      std::min(copy_threads_max, hardware::thread_set::of_this_thread().count()));
  process_->start_understudy();
  process::set_current(process_.get());
}

// Without its scheduler a driver could only wait for ever.
void session::duty_is_over() {
  if (!ending_) job_is_over(duty_.conclude());
  // Who waits for the end looks again. Who has looked, and sleeps next, has the lock until then.
  { const std::lock_guard held{process_->lock()}; }
  process_->port().interrupt();
}

void session::job_is_over(const duty_end& how) {
  std::fprintf(stderr, "mobula: %s\n", how.why.c_str());
  // Whoever waits for input or output now holds its lock, perhaps for ever.
  if (::ftrylockfile(stdout) == 0) ::fflush_unlocked(stdout);
  ::_exit(1);
}

std::size_t session::end(const shutdown_options& how, const std::atomic<bool>& is_hurried) {
  process& home = *process_;
  if (how.drain)
    home.wait_until([&] { return home.owner().tasks_live() == 0 || is_hurried; },
                    deadline_of(how.timeout));
  std::size_t unfinished = 0;
  {
    const std::lock_guard held{home.lock()};
    unfinished = home.owner().tasks_live();
  }
  ending_ = true;
  const bool ended =
      home.inquiries().shut_down(is_among_peers(), [this] { return duty_.is_over(); });
  home.end();
  using namespace std::chrono_literals;
  if (!duty_.join(ended ? 10s : 0s)) {
    std::fprintf(stderr, "mobula: a node of the job does not answer; it is ended without a word\n");
  } else if (const duty_end how_it_ended = duty_.conclude();
             how_it_ended.how != duty_end::way::done && (!ended || has_scheduler())) {
    // A seat that came late, after an end in order, finds nobody who dismisses it.
    job_is_over(how_it_ended);
  }
  return unfinished;
}

void session::abandon() {
  ending_ = true;
  process_->end();
}

}  // namespace mobula::detail
