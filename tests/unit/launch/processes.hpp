#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>

// What the tests of this folder see of processes. The test program is its own child: what such a
// child does is said by the start text, in served_test.cpp.

namespace mobula::launch::tests {

/// Asks until `condition` holds. @returns whether it did before the deadline
bool comes_true(const std::function<bool()>& condition,
                std::chrono::seconds limit = std::chrono::seconds{20});

/// Whether a process is there, and not a zombie.
bool is_alive(pid_t pid);

/// Where a process may run, in the kernel's notation.
std::string threads_of(pid_t pid);

/// Everything up to the end of a pipe.
std::string read_all(int descriptor);

/// A line of what `read_all` gave, without its "key=".
std::string value_of(const std::string& lines, const std::string& key);

}  // namespace mobula::launch::tests
