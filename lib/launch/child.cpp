#include "launch/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "launch/launcher.hpp"
#include "launch/settings.hpp"
#include "launch/spawning_thread.hpp"
#include "launch/warnings.hpp"

namespace mobula::launch {

namespace {

[[noreturn]] void refuse(const char* what, int error) {
  throw start_error{std::string{"can't start a child process: "} + what + ": " +
                    std::strerror(error)};
}

/// posix_spawn's lists, destroyed with this.
class spawn_lists {
 public:
  spawn_lists() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~spawn_lists() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  spawn_lists(const spawn_lists&) = delete;
  spawn_lists& operator=(const spawn_lists&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

/// The program may ignore or block signals for itself; its children start afresh, and take no
/// warning before they can outlive it (enter_role).
void reset_signals(spawn_lists& lists) {
  const sigset_t blocked = set_of_warnings();
  sigset_t all;
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&lists.attributes, &blocked);
  ::posix_spawnattr_setsigdefault(&lists.attributes, &all);
  ::posix_spawnattr_setflags(&lists.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

void close_from(spawn_lists& lists, int first) {
#if __GLIBC_PREREQ(2, 34)
  ::posix_spawn_file_actions_addclosefrom_np(&lists.actions, first);
#else
  // Those open now; a descriptor that another thread opens meanwhile has CLOEXEC or gets through.
  std::error_code error;
  for (const auto& one : std::filesystem::directory_iterator{"/proc/self/fd", error}) {
    const int number = std::atoi(one.path().filename().c_str());
    if (number >= first) ::posix_spawn_file_actions_addclose(&lists.actions, number);
  }
#endif
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

environment variables_for(const child_recipe& recipe) {
  environment variables = without_rank(recipe.variables);
  set_variables(variables, recipe.more_variables);
  set_variable(variables, role_variable, name_of(recipe.as));
  set_variable(variables, parent_variable, std::to_string(::getpid()));
  set_variable(variables, start_variable, recipe.start);
  return variables;
}

/// Binds the calling thread for the time of a spawn: a child has the mask of the thread that starts
/// it, from its first instruction on, before any library looks.
class binding {
 public:
  explicit binding(const hardware::thread_set& threads) {
    if (threads.empty()) return;
    before_ = hardware::thread_set::of_this_thread();
    threads.bind_this_thread();
  }
  ~binding() {
    if (!before_.empty()) before_.bind_this_thread();
  }
  binding(const binding&) = delete;
  binding& operator=(const binding&) = delete;

 private:
  hardware::thread_set before_;
};

/// Starts the process. @returns 0, or why not
int spawn(const child_recipe& recipe, std::span<const int> given, pid_t& pid) {
  spawn_lists lists;
  reset_signals(lists);
  ::posix_spawn_file_actions_addopen(&lists.actions, 0, "/dev/null", O_RDONLY, 0);
  int to = first_given_descriptor;
  for (const int number : given) {
    ::posix_spawn_file_actions_adddup2(&lists.actions, number, to++);
  }
  close_from(lists, to);
  std::vector<std::string> arguments = recipe.arguments;
  environment variables = variables_for(recipe);
  const auto argv = pointers_to(arguments);
  const auto envp = pointers_to(variables);
  // The kernel tells a child of the death of the thread that started it, not of the process.
  return on_lasting_thread([&] {
    const binding bound{recipe.threads};
    return ::posix_spawn(&pid, "/proc/self/exe", &lists.actions, &lists.attributes, argv.data(),
                         envp.data());
  });
}

int open_pidfd(pid_t pid) {
#ifdef SYS_pidfd_open
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
#else
  (void)pid;
  errno = ENOSYS;
  return -1;
#endif
}

bool has_pidfd() {
  static const bool has = [] {
    const int number = open_pidfd(::getpid());
    if (number >= 0) ::close(number);
    return number >= 0;
  }();
  return has;
}

}  // namespace

std::string exit_status::text() const {
  switch (end) {
    case how::exited:
      return "exited with status " + std::to_string(number);
    case how::killed:
      return "killed by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
    case how::unknown:
      break;
  }
  return "ended; somebody else took its status";
}

child::child(const child_recipe& recipe) {
  // Copies high up: the numbers that the child is given must not overwrite one still to be given.
  const int lowest_copy = first_given_descriptor + static_cast<int>(recipe.descriptors.size()) + 1;
  std::vector<launch::descriptor> copies;
  std::vector<int> given;
  const auto give = [&](int number) {
    launch::descriptor copy{::fcntl(number, F_DUPFD_CLOEXEC, lowest_copy)};
    if (!copy) refuse("its descriptors", errno);
    given.push_back(copy.get());
    copies.push_back(std::move(copy));
  };
  for (const int number : recipe.descriptors) give(number);

  const bool by_pidfd = recipe.watched_by == watch::pidfd && has_pidfd();
  if (!by_pidfd) {
    // The child keeps the writing end, last of those given, until it ends.
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) refuse("pipe", errno);
    watched_ = launch::descriptor{ends[0]};
    const launch::descriptor writing{ends[1]};
    give(writing.get());
  }
  if (const int error = spawn(recipe, given, pid_); error != 0) {
    pid_ = -1;
    refuse("posix_spawn", error);
  }
  if (by_pidfd) {
    watched_ = launch::descriptor{open_pidfd(pid_)};
    if (!watched_) {
      const int error = errno;
      signal(SIGKILL);
      wait();
      refuse("pidfd_open", error);
    }
  }
}

child::child(child&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)},
      watched_{std::move(other.watched_)},
      status_{std::exchange(other.status_, std::nullopt)} {}

child& child::operator=(child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(watched_, other.watched_);
  std::swap(status_, other.status_);
  return *this;
}

child::~child() {
  if (pid_ < 0 || ended()) return;
  signal(SIGKILL);
  wait();
}

std::optional<exit_status> child::reap(int options) {
  if (status_ || pid_ < 0) return status_;
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | options);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    // The program waits for any child, or ignores SIGCHLD: it is gone, but how is not known.
    status_ = exit_status{};
  } else if (info.si_pid == pid_) {
    status_ = exit_status{
        info.si_code == CLD_EXITED ? exit_status::how::exited : exit_status::how::killed,
        info.si_status};
  }
  return status_;
}

std::optional<exit_status> child::ended() { return reap(WNOHANG); }

exit_status child::wait() { return reap(0).value_or(exit_status{}); }

void child::signal(int number) {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

}  // namespace mobula::launch
