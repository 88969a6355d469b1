#include "launch/entry.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>

#include "launch/number_in.hpp"
#include "launch/settings.hpp"
#include "launch/warnings.hpp"

namespace mobula::launch {

namespace {

bool wrapped = false;

/// Takes a variable out of the environment.
std::optional<std::string> take_variable(std::string_view name) {
  const std::string key{name};
  const char* value = std::getenv(key.c_str());
  if (value == nullptr) return std::nullopt;
  std::string taken{value};
  ::unsetenv(key.c_str());
  return taken;
}

/// The kernel names a process after the file it was started from, here "exe".
void take_name_of_program() { ::prctl(PR_SET_NAME, program_invocation_short_name); }

}  // namespace

void say_main_is_wrapped() { wrapped = true; }
bool main_is_wrapped() { return wrapped; }

std::string_view name_of(role one) {
  switch (one) {
    case role::scheduler:
      return "scheduler";
    case role::worker:
      return "worker";
    case role::warden:
      break;
  }
  return "warden";
}

std::optional<role> role_named(std::string_view name) {
  for (const role one : {role::scheduler, role::worker, role::warden}) {
    if (name == name_of(one)) return one;
  }
  return std::nullopt;
}

std::optional<entry> enter_role() {
  const auto role_text = take_variable(role_variable);
  const auto parent_text = take_variable(parent_variable);
  const auto start = take_variable(start_variable);
  if (!role_text && !parent_text && !start) return std::nullopt;

  const auto as = role_named(role_text.value_or(""));
  const pid_t parent = number_in<pid_t>(parent_text.value_or("")).value_or(0);
  if (!as || parent <= 0 || !start) {
    throw start_error{
        "the environment sets MOBULA_ROLE, MOBULA_PARENT or MOBULA_START, which Mobula sets for "
        "its own child processes only; unset them"};
  }
  // In this order: a parent that dies in between is seen by the second.
  if (*as != role::warden) ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  outlive_warnings();
  take_name_of_program();
  // What this process starts later gets none of the descriptors that it was given.
  for (int given = first_given_descriptor; ::fcntl(given, F_GETFD) >= 0; ++given) {
    ::fcntl(given, F_SETFD, FD_CLOEXEC);
  }
  return entry{*as, *start};
}

}  // namespace mobula::launch
