#pragma once

#include <signal.h>

#include <array>

namespace mobula::launch {

/// The signals by which a job is warned of its end. Slurm sends them to every process of a step on
/// all nodes, while the driver alone knows what is to be done; so all others outlive them, and end
/// with their parents and the driver.
inline constexpr std::array<int, 2> warnings{SIGTERM, SIGUSR1};

/// Blocked from a child's first instruction until it can outlive them.
sigset_t set_of_warnings();

/// In a child, which has them blocked: from now on they do nothing. User code may handle them
/// otherwise. By handlers: what is ignored or blocked here would be so in every program that user
/// code starts.
void outlive_warnings();

/// In a rank that serves: user code runs there no more.
void ignore_warnings();

}  // namespace mobula::launch
