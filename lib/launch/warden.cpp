#include "launch/warden.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "launch/parent_of.hpp"
#include "wire/codec.hpp"

namespace mobula::launch {

namespace {

std::string read_whole(int file) {
  std::string all;
  std::array<char, 16384> part;
  ::lseek(file, 0, SEEK_SET);
  for (;;) {
    const ssize_t got = ::read(file, part.data(), part.size());
    if (got <= 0) return all;
    all.append(part.data(), static_cast<std::size_t>(got));
  }
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<pid_t> own_children() {
  std::vector<pid_t> found;
  std::error_code refused;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc", refused}) {
    const pid_t process = std::atoi(entry.path().filename().c_str());
    if (process > 0 && parent_of(process) == ::getpid()) found.push_back(process);
  }
  return found;
}

class warden {
 public:
  explicit warden(warden_order told) : told_{std::move(told)} {
    // Its own session, so that nobody ends it with a group or a terminal, and the father of all
    // below it that lose theirs. A signal is not for it: what is to end the command closes the
    // lifeline, and a launcher that warns every process of a job warns the command, too.
    ::setsid();
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    sigset_t watched;
    ::sigemptyset(&watched);
    ::sigaddset(&watched, SIGCHLD);
    signals_ = launch::descriptor{::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK)};
  }

  warden_report run() {
    start();
    for (const int mine : {command_input, command_output, command_error}) ::close(mine);
    if (command_ > 0 && !watch(-1)) {
      ::kill(-command_, SIGTERM);
      watch(static_cast<int>(told_.patience_ms));
    }
    end_all();
    return report_;
  }

 private:
  void start() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(warden_report::step::fork, errno);
    const launch::descriptor reading{ends[0]};
    launch::descriptor writing{ends[1]};
    const pid_t parent = ::getpid();
    command_ = ::fork();
    if (command_ < 0) return fail(warden_report::step::fork, errno);
    if (command_ == 0) become_command(writing.get(), parent);
    writing.close();
    // Closed without a word once the program runs.
    std::array<std::int32_t, 2> failed{};
    ssize_t got = 0;
    do {
      got = ::read(reading.get(), failed.data(), sizeof failed);
    } while (got < 0 && errno == EINTR);
    if (got == sizeof failed) fail(static_cast<warden_report::step>(failed[0]), failed[1]);
  }

  void fail(warden_report::step what, int error) {
    report_.failed = what;
    report_.error = error;
  }

  [[noreturn]] void become_command(int refusals, pid_t parent) {
    const auto refuse = [refusals](warden_report::step what) {
      const std::array<std::int32_t, 2> failed{static_cast<std::int32_t>(what), errno};
      // Where that can't be written nobody is left to read it.
      if (::write(refusals, failed.data(), sizeof failed) < 0) ::_exit(126);
      ::_exit(127);
    };
    // In this order: a warden that dies in between is seen by the second.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::setpgid(0, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(command_input, 0);
    ::dup2(command_output, 1);
    ::dup2(command_error, 2);
    if (!told_.folder.empty() && ::chdir(told_.folder.c_str()) != 0)
      refuse(warden_report::step::folder);
    auto arguments = pointers_to(told_.arguments);
    auto variables = pointers_to(told_.variables);
    environ = variables.data();  // also where the program is looked for
    ::execvp(arguments[0], arguments.data());
    refuse(warden_report::step::program);
    ::_exit(127);  // it has not come back
  }

  /// Waits until the command has ended. @returns false: that long has passed, or it is to end
  bool watch(int timeout_ms) {
    const bool is_to_end = timeout_ms >= 0;
    const std::int64_t deadline = now_ms() + timeout_ms;
    for (;;) {
      reap();
      if (report_.end != exit_status::how::unknown) return true;
      const std::int64_t left = is_to_end ? deadline - now_ms() : -1;
      if (is_to_end && left <= 0) return false;
      std::array<pollfd, 2> watched{
          {{signals_.get(), POLLIN, 0}, {is_to_end ? -1 : lifeline, POLLIN, 0}}};
      ::poll(watched.data(), watched.size(), static_cast<int>(left));
      if (watched[1].revents != 0) return false;
      signalfd_siginfo ignored{};
      while (::read(signals_.get(), &ignored, sizeof ignored) > 0) {
      }
    }
  }

  static std::int64_t now_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  }

  void reap() {
    for (;;) {
      siginfo_t ended{};
      if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG) != 0 || ended.si_pid == 0) return;
      take_end(ended);
    }
  }

  void take_end(const siginfo_t& ended) {
    if (ended.si_pid != command_) return;
    report_.end = ended.si_code == CLD_EXITED ? exit_status::how::exited : exit_status::how::killed;
    report_.number = ended.si_status;
  }

  /// Children of those that are killed become ours; once there are none, nothing is left.
  void end_all() {
    if (command_ > 0) ::kill(-command_, SIGKILL);
    for (;;) {
      for (const pid_t one : own_children()) ::kill(one, SIGKILL);
      siginfo_t ended{};
      if (::waitid(P_ALL, 0, &ended, WEXITED) != 0) {
        if (errno == ECHILD) return;
      } else {
        take_end(ended);
        reap();
      }
    }
  }

  warden_order told_;
  warden_report report_;
  launch::descriptor signals_;
  pid_t command_ = -1;
};

}  // namespace

int serve_as_warden() {
  const std::string bytes = read_whole(order);
  ::close(order);
  wire::reader from{wire::as_blob(bytes)};
  auto told = wire::decode_part<warden_order>(from);
  if (!from.finished() || told.arguments.empty()) return 2;
  const warden_report report = warden{std::move(told)}.run();
  std::string said(wire::encoded_size(report), '\0');
  wire::writer room{reinterpret_cast<std::byte*>(said.data())};
  wire::encode_part(room, report);
  ::send(lifeline, said.data(), said.size(), MSG_NOSIGNAL);
  return 0;
}

}  // namespace mobula::launch
