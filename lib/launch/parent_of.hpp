#pragma once

#include <sys/types.h>

namespace mobula::launch {

/// The parent of a process; 0 if there is none of that number, or it may not be seen.
pid_t parent_of(pid_t process);

}  // namespace mobula::launch
