#pragma once

#include <functional>

namespace mobula::launch {

/// Runs `work` on a thread that lasts as long as this process, and returns what it returned.
///
/// Children are told of the death of the thread that started them (PR_SET_PDEATHSIG is about
/// threads): one started from a thread of the user's would die with that thread. On the main thread
/// `work` runs at once; for others a thread is kept that does nothing else.
int on_lasting_thread(const std::function<int()>& work);

}  // namespace mobula::launch
