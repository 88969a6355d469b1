#include "mobula/runtime.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "launch/entry.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/errors.hpp"
#include "runtime/process.hpp"
#include "runtime/session.hpp"

namespace mobula {

namespace {

// One job in a process's life. Kept when it has ended: refs may outlive it.
struct job {
  std::mutex lock;
  std::unique_ptr<detail::session> running;
  bool started = false;
  bool ended = false;
};

job& this_job() {
  static job& only = *new job;
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

void end_at_exit() {
  detail::process::begin_exit();
  shutdown();
}

// Workers never leave the job by themselves.
bool is_worker() {
  const detail::process* here = detail::process::current();
  return here && here->self() != wire::process_id{0, 1};
}

}  // namespace

void init(int argc, char** argv, runtime_options options) {
  serve_if_child(argc, argv);
  job& mine = this_job();
  const std::lock_guard held{mine.lock};
  if (is_worker())
    throw error{"a task or actor is part of the job already: only the program's main calls init"};
  if (mine.running && !mine.ended)
    throw error{"the runtime runs already: one program has one mobula::runtime (or one init)"};
  if (mine.started)
    throw error{
        "the runtime was started before, and a program can start it once: keep it until the end "
        "of main"};
  mine.started = true;
  auto session = std::make_unique<detail::session>(argc, argv, options);
  if (!session->is_driver()) {
    // What the program wrote so far is safe, whatever ends this process: a launcher may.
    std::fflush(nullptr);
    const int status = session->serve();
    std::fflush(nullptr);
    std::exit(status);
  }
  if (!launch::main_is_wrapped()) {
    std::fputs(
        "mobula: the program was linked without --wrap=main, so each of its worker processes runs "
        "main up to here first; link it through Mobula's CMake target or pkg-config\n",
        stderr);
  }
  session->drive();
  mine.running = std::move(session);
  std::atexit(end_at_exit);
  std::at_quick_exit(end_at_exit);
}

void shutdown(shutdown_options options) {
  if (is_worker())
    throw error{"a task or actor can't shut the job down: only the program's main does"};
  job& mine = this_job();
  const std::lock_guard held{mine.lock};
  if (!mine.running || mine.ended) return;
  detail::deadline_of(options.timeout);  // what is refused must not end the job halfway
  mine.ended = true;
  const std::size_t unfinished = mine.running->end(options);
  if (unfinished != 0)
    std::fprintf(stderr, "mobula: %zu task%s had not finished and %s dropped\n", unfinished,
                 unfinished == 1 ? "" : "s", unfinished == 1 ? "was" : "were");
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
