#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mobula::launch {

/// The variables of a process, each "NAME=value", in the order in which they stand.
using environment = std::vector<std::string>;

/// A copy of this process's variables.
environment this_environment();

/// The words that this process was started with, as the kernel has them: main's argv, also where
/// nobody has handed that on.
std::vector<std::string> this_command_line();

/// The value of a variable; nothing if it is not set.
std::optional<std::string_view> find_variable(const environment& variables, std::string_view name);

/// Sets a variable, in place if it is there already.
void set_variable(environment& variables, std::string_view name, std::string_view value);

/// Sets all of `more`.
void set_variables(environment& variables, const environment& more);

/// What stands before the first '=' of an entry and behind it; of one without, all and nothing.
std::string_view name_in(std::string_view entry);
std::string_view value_in(std::string_view entry);

}  // namespace mobula::launch
