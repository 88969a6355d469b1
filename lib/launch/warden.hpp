#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/child.hpp"

// A command of the user's runs below a warden, a child process of ours between it and the worker
// that wants it. When the command ends, or the worker does, in whatever way, the warden ends all
// that the command has started, also what has left its process group or lost its parent. No worker
// could: it may be killed.

namespace mobula::launch {

/// What a warden is told, in a file without a name.
struct warden_order {
  std::vector<std::string> arguments;
  environment variables;
  std::string folder;  // empty: this process's
  /// How long what has to end before its time is given to do so in order; then it is killed.
  std::uint32_t patience_ms = 0;

  static void fields(auto& visit, auto& self) {
    visit(self.arguments);
    visit(self.variables);
    visit(self.folder);
    visit(self.patience_ms);
  }
};

/// What a warden says, once, when nothing of the command is left.
struct warden_report {
  enum class step : std::uint8_t { started, fork, folder, program };
  /// What has failed before the command began, and why; `started`: nothing.
  step failed = step::started;
  std::int32_t error = 0;
  exit_status::how end = exit_status::how::unknown;
  std::int32_t number = 0;

  static void fields(auto& visit, auto& self) {
    visit(self.failed);
    visit(self.error);
    visit(self.end);
    visit(self.number);
  }
};

/// The descriptors that a warden is given, in this order. It reports on `lifeline`, a socket, and
/// ends the command when the other end is closed.
enum warden_descriptor : int {
  lifeline = first_given_descriptor,
  order,
  command_input,
  command_output,
  command_error,
};

/// What the child does. @returns its exit status
int serve_as_warden();

}  // namespace mobula::launch
