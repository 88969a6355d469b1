// What the children of a job do instead of the user's main.

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include "launch/entry.hpp"
#include "launch/launcher.hpp"
#include "launch/seat_door.hpp"
#include "launch/settings.hpp"
#include "launch/warden.hpp"
#include "mobula/detail/backend.hpp"
#include "runtime/own_lease.hpp"
#include "runtime/process.hpp"
#include "runtime/scheduler_process.hpp"
#include "runtime/start_texts.hpp"
#include "runtime/worker.hpp"
#include "store/extent.hpp"

namespace mobula::detail {

namespace {

using start_hook = void (*)(int, char**);

std::vector<start_hook>& start_hooks() {
  static std::vector<start_hook>& all = *new std::vector<start_hook>;
  return all;
}

int serve_as_scheduler(const launch::entry& start, int argc, char** argv) {
  const auto told = part_of_bytes<scheduler_start>(from_hex(start.start));
  int next = launch::first_given_descriptor;
  launch::record_channel parent{launch::descriptor{next++}};
  std::optional<launch::seat_door> door;
  if (const auto address = launch::seat_address::decode(told.door); address && !told.door.empty())
    door.emplace(launch::descriptor{next++}, *address);
  scheduler_process here{told, std::move(parent), std::move(door), {argv, argv + argc}};
  return here.serve();
}

// The scheduler raised its own limit; user code has what the job was started with.
void limit_open_files(std::uint64_t count) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(count, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int serve_as_worker(const launch::entry& start, int argc, char** argv) {
  // What tasks print shows at once, also where the process is ended hard.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  const auto told = part_of_bytes<worker_start_text>(from_hex(start.start));
  if (told.open_files != 0) limit_open_files(told.open_files);
  std::string refused;
  auto member = ring::member::join(told.broker, told.job_token,
                                   wire::process_id::from_bits(told.process), refused);
  if (!member) throw launch::start_error{"a worker can't join its node: " + refused};
  // Never destroyed: refs in the program's static objects are let go of after this.
  static process& home = *new process{std::move(member), told.wait};
  home.set_gpus(told.gpus);
  home.set_restarts(launch::restart_count(launch::this_environment()));
  home.set_cores(
      static_cast<double>(told.cpus) / wire::resource_amounts::unit,
      told.threads.empty() ? hardware::thread_set::of_this_thread().text() : told.threads);
  this_workers_lease() = {told.is_bound, told.counts};
  static worker& here = *new worker{home, {.after_ns = told.deadlock_after_ns}};
  process::set_current(&home);
  for (const start_hook hook : start_hooks()) hook(argc, argv);
  std::fflush(stdout);
  home.start_understudy();
  here.serve();
  process::set_current(nullptr);
  home.stop_understudy();
  return 0;
}

}  // namespace

bool register_worker_start(void (*hook)(int argc, char** argv)) noexcept {
  start_hooks().push_back(hook);
  return true;
}

int serve(const launch::entry& start, int argc, char** argv) {
  try {
    if (start.as == launch::role::warden) return launch::serve_as_warden();
    store::dump_extents(launch::read_settings(launch::this_environment()).dump_store);
    return start.as == launch::role::scheduler ? serve_as_scheduler(start, argc, argv)
                                               : serve_as_worker(start, argc, argv);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "mobula: %s process: %s\n", launch::name_of(start.as).data(),
                 failed.what());
    return 1;
  }
}

}  // namespace mobula::detail
