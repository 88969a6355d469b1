// Usage: killing VICTIM ROUNDS COMMAND...
//
// Runs COMMAND, a job (job.cpp, which gets the word for what it does as its last argument), ROUNDS
// times, kills one of its processes at a random moment, and fails unless
//   - the job ends within ten seconds, with the right answer, or with a status that is not 0 and
//     words that say why (with an idle worker's death: with the right answer);
//   - no process of it is left then, and nothing in /dev/shm.
// VICTIM: idle_worker, busy_worker, seat, scheduler, other_scheduler, driver, computing_driver, or
//   interrupt  Ctrl-C instead of a death
//   nobody     the job is only watched while it is idle: no process may use a hundredth of a core
//
// Prints its seed; takes it from TEST_SEED.

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "job_processes.hpp"

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr auto start_patience = 60s;
constexpr auto end_patience = 10s;

std::set<std::string> shared_memory_files() {
  std::set<std::string> names;
  if (DIR* open = ::opendir("/dev/shm")) {
    while (const dirent* one = ::readdir(open)) names.emplace(one->d_name);
    ::closedir(open);
  }
  return names;
}

struct hunt {
  std::string victim;
  std::vector<std::string> command;
  std::mt19937_64& random;
};

/// One run of the job, in a process group of its own, and what it has said so far.
class running_job {
 public:
  running_job(const hunt& how, std::string mark);
  ~running_job();
  running_job(const running_job&) = delete;
  running_job& operator=(const running_job&) = delete;

  /// Reads what the job says, until the time.
  void listen_until(clock_type::time_point end);
  /// Reads until it has said the line that often.
  void await_line(const std::string& line, std::size_t times);
  /// Waits for the end of the job. @returns its status as a shell has it
  int await_end();
  void await_nobody_left();
  void interrupt() { ::kill(-pid_, SIGINT); }
  std::vector<job_process> processes() const { return processes_of_job(mark_, program_); }
  const std::string& said() const { return said_; }
  [[noreturn]] void fail(const std::string& why) const;

 private:
  void take_output(int timeout_ms);

  std::string mark_;
  std::string program_;
  pid_t pid_ = -1;
  int output_ = -1;
  std::string said_;
};

const char* mode_for(const std::string& victim) {
  if (victim == "idle_worker" || victim == "nobody") return "idle";
  return victim == "computing_driver" || victim == "interrupt" ? "compute" : "work";
}

running_job::running_job(const hunt& how, std::string mark) : mark_{std::move(mark)} {
  const std::string& program = how.command.back();
  program_ = program.substr(program.rfind('/') + 1);
  std::vector<std::string> words = how.command;
  words.emplace_back(mode_for(how.victim));
  std::vector<char*> arguments;
  for (std::string& one : words) arguments.push_back(one.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error{"no pipe"};
  pid_ = ::fork();
  if (pid_ == 0) {
    ::setpgid(0, 0);
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::setenv("KILLING_MARK", mark_.c_str(), 1);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::setpgid(pid_, pid_);
  ::close(ends[1]);
  output_ = ends[0];
}

running_job::~running_job() {
  for (const job_process& one : processes()) ::kill(one.pid, SIGKILL);
  ::close(output_);
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

void running_job::fail(const std::string& why) const {
  const auto left = processes();
  std::fprintf(stderr, "--- what the job said:\n%s---\n%zu processes:\n", said_.c_str(),
               left.size());
  print_state(left);
  throw std::runtime_error{why};
}

void running_job::take_output(int timeout_ms) {
  pollfd readable{output_, POLLIN, 0};
  if (::poll(&readable, 1, timeout_ms) <= 0) return;
  std::array<char, 4096> room;
  const ssize_t got = ::read(output_, room.data(), room.size());
  if (got > 0) {
    said_.append(room.data(), static_cast<std::size_t>(got));
  } else {
    // All have closed it; whoever listens on waits for something else.
    ::poll(nullptr, 0, std::min(timeout_ms, 10));
  }
}

void running_job::listen_until(clock_type::time_point end) {
  while (clock_type::now() < end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - clock_type::now());
    take_output(static_cast<int>(std::max<std::int64_t>(0, left.count())));
  }
}

void running_job::await_line(const std::string& line, std::size_t times) {
  const auto deadline = clock_type::now() + start_patience;
  for (;;) {
    std::size_t found = 0;
    for (auto at = said_.find(line + '\n'); at != std::string::npos; at = said_.find(line, at + 1))
      ++found;
    if (found >= times) return;
    if (clock_type::now() >= deadline) fail("the job did not come to say \"" + line + "\"");
    take_output(20);
  }
}

int running_job::await_end() {
  const auto deadline = clock_type::now() + end_patience;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (clock_type::now() >= deadline) fail("the job goes on after the death");
    take_output(10);
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void running_job::await_nobody_left() {
  const auto deadline = clock_type::now() + end_patience;
  while (!processes().empty()) {
    if (clock_type::now() >= deadline) fail("processes of the job are left");
    take_output(10);
  }
  take_output(0);
}

bool is_victim(const job_process& one, const std::string& kind,
               const std::vector<job_process>& all) {
  const bool other_node = one.rank_of_node != 0;
  if (kind == "idle_worker" || kind == "busy_worker") return one.is == part::worker;
  if (kind == "scheduler") return one.is == part::scheduler && !other_node;
  if (kind == "other_scheduler") return one.is == part::scheduler && other_node;
  if (kind == "driver" || kind == "computing_driver") return one.is == part::driver;
  if (kind != "seat" || one.is != part::seat) return false;
  // Where every rank has a scheduler of its own, any but the driver.
  const auto schedulers = std::ranges::count(all, part::scheduler, &job_process::is);
  const bool has_one = std::ranges::any_of(all, [&](const job_process& other) {
    return other.parent == one.pid && other.is == part::scheduler;
  });
  return schedulers > 1 || !has_one;
}

void kill_one(running_job& job, const hunt& how) {
  const auto deadline = clock_type::now() + start_patience;
  for (;;) {
    auto all = job.processes();
    std::vector<job_process> may;
    std::ranges::copy_if(all, std::back_inserter(may),
                         [&](const job_process& one) { return is_victim(one, how.victim, all); });
    if (!may.empty()) {
      const job_process& one = may[how.random() % may.size()];
      std::printf("kill -9 of a %s, process %d\n", name_of(one.is), one.pid);
      std::fflush(stdout);
      ::kill(one.pid, SIGKILL);
      const auto driver = std::ranges::find(all, part::driver, &job_process::is);
      if (how.victim == "idle_worker" && driver != all.end()) ::kill(driver->pid, SIGUSR1);
      return;
    }
    if (clock_type::now() >= deadline) job.fail("there is no " + how.victim);
    job.listen_until(clock_type::now() + 5ms);
  }
}

void strike(running_job& job, const hunt& how) {
  if (how.victim == "idle_worker") {
    job.await_line("idle", 1);
  } else if (how.victim == "computing_driver" || how.victim == "interrupt") {
    job.await_line("computing", 4);
  } else if (how.random() % 4 != 0) {
    // Otherwise while the job starts.
    job.await_line("begun", 1);
  }
  job.listen_until(clock_type::now() + std::chrono::microseconds{how.random() % 800'000});
  if (how.victim == "interrupt") {
    job.interrupt();
  } else {
    kill_one(job, how);
  }
}

void check_end(running_job& job, const std::string& victim, int status) {
  const bool right = job.said().find("right\n") != std::string::npos;
  // Of a rank that dies before it has joined, only the launcher can say something, and mpirun's
  // sentence does not always name the rank.
  const bool says_why = job.said().find("mobula") != std::string::npos ||
                        job.said().find("job: error: ") != std::string::npos ||
                        job.said().find("mpi") != std::string::npos ||
                        job.said().find("the job has been aborted") != std::string::npos;
  const bool speechless =
      victim == "driver" || victim == "computing_driver" || victim == "interrupt";
  if (job.said().find("a wrong answer") != std::string::npos) job.fail("a wrong answer");
  if (status == 0 && !right) job.fail("status 0 without the right answer");
  if (victim == "idle_worker" && status != 0) job.fail("the death of an idle worker was felt");
  if (status != 0 && !speechless && !says_why) job.fail("the job ended without saying why");
}

void watch_idle(running_job& job) {
  constexpr auto length = 3s;
  job.await_line("idle", 1);
  // What the start and the work before have left to do is not meant.
  job.listen_until(clock_type::now() + 500ms);
  const auto before = job.processes();
  job.listen_until(clock_type::now() + length);
  const auto after = job.processes();
  const auto limit = static_cast<unsigned long>(::sysconf(_SC_CLK_TCK)) * 3 / 100;
  for (const job_process& one : after) {
    const auto then = std::ranges::find(before, one.pid, &job_process::pid);
    if (one.is == part::launcher || then == before.end()) continue;
    const unsigned long used = one.ticks - then->ticks;
    std::printf("%s %d used %lu ticks in 3 s\n", name_of(one.is), one.pid, used);
    if (used >= limit) job.fail("an idle process computes");
  }
}

void play(const hunt& how, int number) {
  const auto files = shared_memory_files();
  running_job job{how,
                  "killing-" + std::to_string(::getpid()) + "-" + std::to_string(number) + "-"};
  if (how.victim == "nobody") {
    watch_idle(job);
    kill_one(job, {"idle_worker", how.command, how.random});
  } else {
    strike(job, how);
  }
  const int status = job.await_end();
  job.await_nobody_left();
  std::printf("status %d\n%s", status, job.said().c_str());
  check_end(job, how.victim, status);
  const auto deadline = clock_type::now() + end_patience;
  std::set<std::string> left;
  std::ranges::set_difference(shared_memory_files(), files, std::inserter(left, left.end()));
  // Other programs come and go there; what is this job's stays.
  while (!left.empty()) {
    std::set<std::string> still;
    std::ranges::set_intersection(shared_memory_files(), left, std::inserter(still, still.end()));
    left = std::move(still);
    if (!left.empty() && clock_type::now() >= deadline)
      job.fail("left in /dev/shm: " + *left.begin());
    job.listen_until(clock_type::now() + 20ms);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: killing VICTIM ROUNDS COMMAND...\n", stderr);
    return 64;
  }
  const char* given = std::getenv("TEST_SEED");
  const std::uint64_t seed = given ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::printf("TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random{seed};
  const hunt how{argv[1], {argv + 3, argv + argc}, random};
  try {
    for (int i = 0; i < std::atoi(argv[2]); ++i) play(how, i);
  } catch (const std::exception& failed) {
    std::fprintf(stderr, "killing: %s\n", failed.what());
    return 1;
  }
  return 0;
}
