#include "mobula/runtime.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "launch/entry.hpp"
#include "launch/mpi_bootstrap.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/detail/communicator.hpp"
#include "mobula/errors.hpp"
#include "mobula/preempt.hpp"
#include "runtime/preemption.hpp"
#include "runtime/process.hpp"
#include "runtime/session.hpp"

namespace mobula {

namespace {

// The jobs of a process's life, one after the other.
struct jobs {
  std::mutex lock;
  std::unique_ptr<detail::session> running;
  std::uint32_t begun = 0;
  /// What refs, views and arrays of those that have ended may still name.
  std::vector<std::unique_ptr<detail::process>> ended;
  /// Whoever has the lock may have it until other ranks come.
  std::atomic<bool> awaits_others{false};
  /// A warning of the job's end was seen to: nobody drains any more.
  std::atomic<bool> is_hurried{false};
  /// And that is how the process ends, whatever other threads are at.
  std::atomic<bool> is_preempted{false};
};

jobs& this_programs() {
  static jobs& only = *new jobs;
  return only;
}

// In a child of a program that was linked without --wrap=main, main ran until here.
void serve_if_child(int argc, char** argv) {
  try {
    const auto role = launch::enter_role();
    if (!role) return;
    std::exit(detail::serve(*role, argc, argv));
  } catch (const launch::start_error& refused) {
    throw error{refused.what()};
  }
}

// Peers that go on would be waited for, and may wait for this one in MPI. So no rank ends in order
// without them: as if it had been killed.
void end_at_exit() {
  detail::process::begin_exit();
  jobs& mine = this_programs();
  if (!mine.awaits_others) return shutdown();
  const std::unique_lock held{mine.lock, std::try_to_lock};
  if (!held || !mine.running) return;
  std::fprintf(
      stderr,
      "mobula: rank %u ends without mobula::shutdown or MPI_Finalize, and the job with it\n",
      mine.running->rank());
  mine.running->abandon();
}

void end_before_mpi_does() {
  try {
    shutdown();
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "mobula: the job did not end in order: %s\n", failed.what());
  }
}

// Workers never leave the job by themselves.
bool is_worker() {
  const detail::process* here = detail::process::current();
  return here && !here->is_driver();
}

// Under the lock.
void check_may_start(const jobs& mine) {
  if (is_worker())
    throw error{"a task or actor is part of the job already: only the program's main calls init"};
  if (mine.running)
    throw error{"the runtime runs already: one program has one mobula::runtime (or one init)"};
}

void drive(jobs& mine, std::unique_ptr<detail::session> one) {
  static const bool ends_at_exit =
      std::atexit(end_at_exit) == 0 && std::at_quick_exit(end_at_exit) == 0;
  static_cast<void>(ends_at_exit);
  one->drive(mine.begun);
  mine.running = std::move(one);
}

// A rank that its launcher started for the driver's program.
[[noreturn]] void serve_and_leave(detail::session& one) {
  // What the program wrote so far is safe, whatever ends this process: a launcher may.
  std::fflush(nullptr);
  const detail::duty_end ended = one.serve();
  // However the scheduler ended: the rank that started it says what the job's status is.
  const bool failed = ended.how == detail::duty_end::way::failed && one.has_scheduler();
  if (failed) std::fprintf(stderr, "mobula: %s\n", ended.why.c_str());
  if (one.had_users_mpi() && !failed) launch::finalize_users_mpi();
  std::fflush(nullptr);
  std::exit(failed ? 1 : 0);
}

}  // namespace

void init(int argc, char** argv, runtime_options options) {
  serve_if_child(argc, argv);
  jobs& mine = this_programs();
  const std::lock_guard held{mine.lock};
  check_may_start(mine);
  if (mine.begun != 0)
    throw error{
        "the runtime was started before, and without a communicator a program can start it once: "
        "keep it until the end of main, or give init a communicator (mobula/mpi.hpp)"};
  if (options.mode == rank_mode::peers)
    throw error{
        "peers are ranks of a program that is MPI's own: include mobula/mpi.hpp, and give init a "
        "communicator"};
  ++mine.begun;
  auto session = std::make_unique<detail::session>(
      detail::start_request{{argv, argv + argc}, std::nullopt, std::move(options)});
  if (!session->is_driver()) serve_and_leave(*session);
  if (!launch::main_is_wrapped()) {
    std::fputs(
        "mobula: the program was linked without --wrap=main, so each of its worker processes runs "
        "main up to here first; link it through Mobula's CMake target or pkg-config\n",
        stderr);
  }
  drive(mine, std::move(session));
}

void detail::init(const communicator& ranks, runtime_options options) {
  jobs& mine = this_programs();
  const std::lock_guard held{mine.lock};
  check_may_start(mine);
  // Children would begin with MPI_Init, each for itself.
  if (!launch::main_is_wrapped())
    throw error{
        "the program was linked without --wrap=main, which it must be where it has MPI of its own: "
        "link it through Mobula's CMake target or pkg-config"};
  std::erase_if(mine.ended, [](const auto& one) { return one->is_left_by_all(); });
  ++mine.begun;
  // While ranks meet, and while this one serves.
  mine.awaits_others = true;
  auto session = std::make_unique<detail::session>(detail::start_request{
      launch::this_command_line(), launch::users_communicator{ranks.handle, ranks.handle_bytes},
      std::move(options)});
  launch::before_mpi_finalize(end_before_mpi_does);
  if (session->is_driver()) {
    mine.awaits_others = session->is_among_peers();
    return drive(mine, std::move(session));
  }
  const detail::duty_end ended = session->serve();
  if (ended.how == detail::duty_end::way::done) return;
  throw error{ended.how == detail::duty_end::way::failed
                  ? ended.why
                  : "the driver has ended before it has shut the job down"};
}

namespace {

// Under the lock.
void end_job(jobs& mine, const shutdown_options& options) {
  detail::deadline_of(options.timeout);  // what is refused must not end the job halfway
  const auto session = std::move(mine.running);
  // What a callback uses may be gone by now; while it is waited for what runs, it may be needed.
  if (!options.drain) detail::preemption::disarm();
  const std::size_t unfinished = session->end(options, mine.is_hurried);
  // Another warning must not make another end of one that ends by the first.
  if (!mine.is_preempted) detail::preemption::forget();
  mine.ended.push_back(session->take_process());
  if (unfinished == 0) return;
  if (options.drain && mine.is_hurried) mine.is_preempted = true;
  const std::string whose =
      session->is_among_peers() ? " of rank " + std::to_string(session->rank()) : "";
  std::fprintf(stderr, "mobula: %zu task%s%s had not finished and %s dropped\n", unfinished,
               unfinished == 1 ? "" : "s", whose.c_str(), unfinished == 1 ? "was" : "were");
}

// The callback has returned, or thrown.
void end_preempted(const std::string& failure) {
  jobs& mine = this_programs();
  mine.is_hurried = true;
  if (detail::process* home = detail::process::current()) home->port().interrupt();
  {
    const std::lock_guard held{mine.lock};
    // The program has ended its job before: it goes on to its own end.
    if (!mine.running && !mine.is_preempted) return;
    mine.is_preempted = true;
    detail::process::begin_immediate_exit();
    if (!failure.empty()) std::fprintf(stderr, "mobula: %s\n", failure.c_str());
    if (mine.running) end_job(mine, {});
  }
  detail::preemption::exit(failure.empty() ? detail::preemption::status : 1);
}

}  // namespace

void on_preempt(std::function<void()> callback) {
  if (is_worker())
    throw error{"a task or actor is not warned of the job's end: only the driver calls on_preempt"};
  jobs& mine = this_programs();
  const std::lock_guard held{mine.lock};
  detail::process::require();
  if (!mine.running) throw error{"the job ends already: it can't be warned any more"};
  if (mine.running->is_of_communicator())
    throw error{
        "on_preempt is not for ranks of a program that is MPI's own: signals are the program's "
        "there; handle them in its ranks, agree by MPI, save, and end as ever"};
  detail::preemption::set(std::move(callback), end_preempted);
}

void shutdown(shutdown_options options) {
  if (is_worker())
    throw error{"a task or actor can't shut the job down: only the program's main does"};
  jobs& mine = this_programs();
  {
    const std::lock_guard held{mine.lock};
    if (mine.running) end_job(mine, options);
  }
  // Another thread ends the process.
  while (mine.is_preempted) ::pause();
}

bool is_initialized() noexcept { return detail::process::current() != nullptr; }

runtime::runtime(int argc, char** argv, runtime_options options) {
  init(argc, argv, std::move(options));
}

runtime::~runtime() {
  try {
    shutdown();
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "mobula: the job did not end in order: %s\n", failed.what());
  }
}

}  // namespace mobula
