#pragma once

#include <atomic>
#include <cstdint>

#include "transport/ring/descriptor.hpp"

namespace mobula::ring {

/// Sleeps while `word` holds `seen`, at most until `deadline_ns` of CLOCK_MONOTONIC (UINT64_MAX:
/// for ever). May wake for no reason. Works between processes.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::uint64_t deadline_ns);
/// Wakes everybody who sleeps on it.
void futex_wake(std::atomic<std::uint32_t>& word);

/// What a process that sleeps in epoll is woken with. Throws std::system_error if there is none.
descriptor make_event();
void event_wake(int event);
void event_clear(int event);

/// CLOCK_MONOTONIC.
std::uint64_t now_ns();

}  // namespace mobula::ring
