// What a child of this test program does, and the tools to look at it.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "launch/child.hpp"
#include "launch/command.hpp"
#include "launch/processes.hpp"
#include "launch/seat.hpp"
#include "launch/warden.hpp"

namespace mobula::launch::tests {

bool comes_true(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

std::string threads_of(pid_t pid) {
  std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
  const std::string wanted = "Cpus_allowed_list:\t";
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(wanted)) return line.substr(wanted.size());
  return {};
}

bool is_alive(pid_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text;
  if (!std::getline(file, text)) return false;
  const char state = text[text.rfind(')') + 2];
  return state != 'Z' && state != 'X';
}

std::string read_all(int descriptor) {
  std::string all;
  char part[4096];
  for (;;) {
    const ssize_t got = ::read(descriptor, part, sizeof part);
    if (got <= 0) return all;
    all.append(part, static_cast<std::size_t>(got));
  }
}

std::string value_of(const std::string& lines, const std::string& key) {
  std::istringstream in{lines};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key + "=")) return line.substr(key.size() + 1);
  }
  return "(none)";
}

namespace {

void say(const std::string& text) {
  const ssize_t written = ::write(first_given_descriptor, text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) std::abort();
}

/// Tells all that a test wants to know of this process.
void report(const entry& start, int argc, char** argv) {
  std::string text = "role=" + std::string{name_of(start.as)} + "\n";
  std::string open;
  // Once to list, once to ask which of them the listing itself had open.
  for (int number = 0; number < 1024; ++number) {
    if (::fcntl(number, F_GETFD) >= 0) open += std::to_string(number) + " ";
  }
  text += "open=" + open + "\n";
  text += "stdin=" + std::filesystem::read_symlink("/proc/self/fd/0").string() + "\n";
  text += "cores=" + hardware::thread_set::of_this_thread().text() + "\n";
  text += "arguments=";
  for (int i = 1; i < argc; ++i) text += std::string{argv[i]} + " ";
  text += "\n";
  std::string rank;
  for (const std::string& entry : this_environment()) {
    if (entry.starts_with("OMPI_COMM_") || entry.starts_with("MOBULA_")) rank += entry + " ";
  }
  text += "rank_variables=" + rank + "\n";
  const char* kept = std::getenv("KEPT");
  text += "kept=" + std::string{kept == nullptr ? "" : kept} + "\n";
  struct sigaction action {};
  ::sigaction(SIGPIPE, nullptr, &action);
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  text += "sigpipe=" + std::string{action.sa_handler == SIG_DFL ? "default" : "other"} + "\n";
  text += "usr1=" + std::string{::sigismember(&blocked, SIGUSR1) ? "blocked" : "free"} + "\n";
  say(text);
}

/// Waits to be ended from outside.
[[noreturn]] void stay() {
  for (;;) ::pause();
}

}  // namespace

}  // namespace mobula::launch::tests

int mobula::detail::serve(const launch::entry& start, int argc, char** argv) {
  using namespace mobula::launch;
  if (start.as == role::warden) return serve_as_warden();
  std::istringstream words{start.start};
  std::string what;
  words >> what;
  if (what == "exit") {
    int status = 0;
    words >> status;
    return status;
  }
  if (what == "report") {
    tests::report(start, argc, argv);
    return 0;
  }
  if (what == "stay") tests::stay();
  if (what == "parent") {
    // A child of its own, told of on the given descriptor.
    child_recipe recipe;
    recipe.arguments = {argv[0]};
    recipe.variables = this_environment();
    recipe.start = "stay";
    const child own{recipe};
    tests::say("child=" + std::to_string(own.pid()) + "\n");
    tests::stay();
  }
  if (what == "command") {
    // One that tells of a process in a session of its own, on the given descriptor, and stays.
    command_line line;
    line.arguments = {"sh", "-c",
                      "setsid sleep 1000 & echo below=$! > /proc/" + std::to_string(::getpid()) +
                          "/fd/3; sleep 1000"};
    line.variables = this_environment();
    run_command(line, argv[0]);
    return 0;
  }
  if (what == "seat") {
    std::string address;
    std::uint32_t rank = 0;
    words >> address >> rank;
    child_recipe recipe;
    recipe.arguments = {argv[0]};
    recipe.variables = this_environment();
    const seat_end end = serve_seat(seat_address::decode(address).value(), rank, recipe);
    return end == seat_end::dismissed ? 0 : 9;
  }
  return 70;
}
