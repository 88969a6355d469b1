#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/child.hpp"

namespace mobula::launch {

/// A program of the user's, and how it is run.
struct command_line {
  /// Its argv; where the first has no slash it is looked for in PATH, of these variables.
  std::vector<std::string> arguments;
  environment variables;
  std::string folder;  // empty: this process's
  std::string input;   // its standard input
  /// Of its standard output this much is kept, from the beginning.
  std::uint64_t output_bytes_max = 0;
  /// Of its standard error this much is kept, from the end.
  std::uint64_t error_bytes_max = 0;
  /// warden_order::patience_ms
  std::uint32_t patience_ms = 0;
};

struct command_end {
  exit_status status;
  std::string output;
  std::uint64_t output_bytes = 0;  // that it wrote
  std::string last_error;
  std::uint64_t error_bytes = 0;
};

/// Runs it to its end, on the cores of the calling thread, which waits. Nothing that it has started
/// is left then, nor if this process ends before, in whatever way.
/// @param arguments  this program's: a child of it watches over the command
/// @throws start_error if it can't be started, in a sentence
command_end run_command(const command_line& what, const std::string& name_of_this_program);

/// The file that a shell would start by that name, by PATH of these variables; empty: there is
/// none, and `refusal` is a sentence.
std::string find_program(const std::string& name, const environment& variables,
                         const std::string& folder, std::string& refusal);

}  // namespace mobula::launch
