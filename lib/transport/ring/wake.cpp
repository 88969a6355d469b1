#include "transport/ring/wake.hpp"

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>
#include <system_error>

namespace mobula::ring {

namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* until) {
  static_assert(sizeof word == sizeof(std::uint32_t));
  return ::syscall(SYS_futex, &word, operation, value, until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen, std::uint64_t deadline_ns) {
  timespec until{};
  until.tv_sec = static_cast<time_t>(deadline_ns / second_ns);
  until.tv_nsec = static_cast<long>(deadline_ns % second_ns);
  // Not private: the word is shared with other processes. Absolute time, as this operation has it.
  futex(word, FUTEX_WAIT_BITSET, seen, deadline_ns == UINT64_MAX ? nullptr : &until);
}

void futex_wake(std::atomic<std::uint32_t>& word) {
  futex(word, FUTEX_WAKE_BITSET, INT_MAX, nullptr);
}

descriptor make_event() {
  descriptor event{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!event) throw std::system_error{errno, std::generic_category(), "eventfd"};
  return event;
}

void event_wake(int event) {
  const std::uint64_t one = 1;
  // Fails only when its count is full, and then it is readable.
  [[maybe_unused]] const auto written = ::write(event, &one, sizeof one);
}

void event_clear(int event) {
  std::uint64_t count = 0;
  // Fails only when nobody has woken us.
  [[maybe_unused]] const auto read = ::read(event, &count, sizeof count);
}

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * second_ns +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace mobula::ring
