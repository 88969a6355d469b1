#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "hardware/thread_set.hpp"
#include "launch/descriptor.hpp"
#include "launch/entry.hpp"
#include "launch/environment.hpp"
#include "launch/start_error.hpp"

namespace mobula::launch {

/// How a process ended.
struct exit_status {
  enum class how : std::uint8_t { exited, killed, unknown };
  how end = how::unknown;
  /// Its status, or the signal that killed it.
  int number = 0;

  bool good() const { return end == how::exited && number == 0; }
  /// "exited with status 3", "killed by signal 9 (Killed)"
  std::string text() const;
};

/// How the end of a child is noticed.
enum class watch : std::uint8_t {
  pidfd,  // where the kernel has it (5.3)
  pipe,   // a pipe that only the child can write to
};

/// What a child is started with.
struct child_recipe {
  role as = role::worker;
  /// Its argv; argv[0] is the name it shows.
  std::vector<std::string> arguments;
  /// Its variables; those of a rank and Mobula's internal ones are left out or replaced.
  environment variables;
  /// Set on top of these.
  environment more_variables = {};
  /// Told to the child as entry::start. No byte of it may be 0.
  std::string start;
  /// Stay open in the child, as numbers 3, 4, ... in this order. Everything else is closed: MPI's
  /// sockets and the program's own files and pipes are none of its business.
  std::vector<int> descriptors;
  /// Where it may run; empty: where this thread may.
  hardware::thread_set threads;
  watch watched_by = watch::pidfd;
};

/// A child process of this one, running the same executable in a role of its own.
///
/// It gets stdin from /dev/null and dies when this process does. Destroying this ends it (SIGKILL)
/// and waits until it is gone, so that nobody is left over.
class child {
 public:
  /// @throws start_error if it can't be started
  explicit child(const child_recipe& recipe);
  child(child&& other) noexcept;
  child& operator=(child&& other) noexcept;
  ~child();

  pid_t pid() const { return pid_; }
  /// Readable once it has ended; for poll, and to be handed to who else must know.
  int descriptor() const { return watched_.get(); }
  /// How it ended, if it has. Does not wait.
  std::optional<exit_status> ended();
  /// Waits until it has.
  exit_status wait();
  /// Sends a signal, unless it is known to have ended.
  void signal(int number);

 private:
  std::optional<exit_status> reap(int options);
  pid_t pid_ = -1;
  launch::descriptor watched_;
  std::optional<exit_status> status_;
};

}  // namespace mobula::launch
