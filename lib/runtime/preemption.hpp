#pragma once

#include <functional>
#include <string>

namespace mobula::detail::preemption {

/// Has a thread of its own call `callback` at the first warning (launch/warnings.hpp), once, and
/// then `over`, with what the callback threw, or nothing. Replaces the former callback, unless that
/// was called; an empty one takes it back.
void set(std::function<void()> callback, void (*over)(const std::string& failure));

/// The job is about to end: the callback is not called from now on, if it was not yet, and warnings
/// do nothing.
void disarm();

/// The job has ended: warnings are the program's again.
void forget();

/// What the driver ends with, so that it is tried again: EX_TEMPFAIL.
inline constexpr int status = 75;

/// Ends the process, with what was written to its streams as far as that does not take long.
[[noreturn]] void exit(int with_status);

}  // namespace mobula::detail::preemption
