#include "launch/warnings.hpp"

namespace mobula::launch {

namespace {

void set_all(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (const int one : warnings) ::sigaction(one, &action, nullptr);
}

}  // namespace

sigset_t set_of_warnings() {
  sigset_t all;
  ::sigemptyset(&all);
  for (const int one : warnings) ::sigaddset(&all, one);
  return all;
}

void outlive_warnings() {
  set_all([](int) {});
  const sigset_t all = set_of_warnings();
  ::pthread_sigmask(SIG_UNBLOCK, &all, nullptr);
}

void ignore_warnings() { set_all(SIG_IGN); }

}  // namespace mobula::launch
