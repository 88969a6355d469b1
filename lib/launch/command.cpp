#include "launch/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>

#include "launch/warden.hpp"
#include "wire/codec.hpp"

namespace mobula::launch {

namespace {

[[noreturn]] void refuse(const std::string& what, int error) {
  throw start_error{what + ": " + std::strerror(error)};
}

/// A file without a name that holds the text, to be read from its beginning.
descriptor file_of(std::string_view text) {
  descriptor file{::memfd_create("mobula-command", MFD_CLOEXEC)};
  if (!file) refuse("no file for the input of a command", errno);
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno != EINTR) refuse("no room for the input of a command", errno);
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

struct two_ends {
  descriptor ours;
  descriptor theirs;
};

two_ends open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) refuse("no pipe for the output of a command", errno);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return {descriptor{ends[0]}, descriptor{ends[1]}};
}

two_ends open_lifeline() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    refuse("no socket to watch over a command", errno);
  return {descriptor{ends[0]}, descriptor{ends[1]}};
}

/// What comes out of a pipe: all of it is read, and a part kept.
class outlet {
 public:
  enum class keeps : std::uint8_t { first, last };
  outlet(descriptor pipe, keeps which, std::uint64_t bytes_max)
      : pipe_{std::move(pipe)}, which_{which}, bytes_max_{bytes_max} {}

  pollfd watched() const { return {pipe_.get(), POLLIN, 0}; }
  /// Reads what is there. Does not wait.
  void read(std::span<char> room) {
    while (pipe_) {
      const ssize_t got = ::read(pipe_.get(), room.data(), room.size());
      if (got > 0) {
        take({room.data(), static_cast<std::size_t>(got)});
      } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        pipe_.close();
      } else if (errno == EAGAIN) {
        return;
      }
    }
  }
  std::uint64_t bytes() const { return bytes_; }
  std::string kept() {
    if (which_ == keeps::last && kept_.size() > bytes_max_)
      kept_.erase(0, kept_.size() - bytes_max_);
    return std::move(kept_);
  }

 private:
  void take(std::string_view part) {
    bytes_ += part.size();
    if (which_ == keeps::first) {
      const std::uint64_t room = bytes_max_ - std::min<std::uint64_t>(bytes_max_, kept_.size());
      kept_.append(part.substr(0, std::min<std::uint64_t>(room, part.size())));
      return;
    }
    kept_.append(part);
    // Seldom, so that each byte is moved once at most.
    if (kept_.size() > 2 * bytes_max_ + part.size()) kept_.erase(0, kept_.size() - bytes_max_);
  }

  descriptor pipe_;
  keeps which_;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::string kept_;
};

std::string order_for(const command_line& what) {
  const warden_order told{what.arguments, what.variables, what.folder, what.patience_ms};
  std::string bytes(wire::encoded_size(told), '\0');
  wire::writer room{reinterpret_cast<std::byte*>(bytes.data())};
  wire::encode_part(room, told);
  return bytes;
}

std::optional<warden_report> receive_report(int lifeline) {
  std::array<char, 64> bytes;
  ssize_t got = 0;
  do {
    got = ::recv(lifeline, bytes.data(), bytes.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return std::nullopt;
  wire::reader from{wire::as_blob(std::string_view{bytes.data(), static_cast<std::size_t>(got)})};
  const auto report = wire::decode_part<warden_report>(from);
  return from.finished() ? std::optional{report} : std::nullopt;
}

constexpr const char* too_long =
    " (one of its arguments or variables may have 128 KiB, all together a fourth of `ulimit -s`)";

void check(const warden_report& report, const command_line& what) {
  const std::string& program = what.arguments.front();
  switch (report.failed) {
    case warden_report::step::started:
      return;
    case warden_report::step::fork:
      refuse("can't start " + program + ": no process for it", report.error);
    case warden_report::step::folder:
      refuse("can't start " + program + " in the folder " + what.folder, report.error);
    case warden_report::step::program:
      break;
  }
  std::string refusal;
  if (find_program(program, what.variables, what.folder, refusal).empty())
    throw start_error{refusal};
  const bool is_too_long = report.error == E2BIG;
  refuse("can't start " + program + (is_too_long ? too_long : ""), report.error);
}

}  // namespace

command_end run_command(const command_line& what, const std::string& name_of_this_program) {
  if (what.arguments.empty() || what.arguments.front().empty())
    throw start_error{"a command has no program: its argv[0] is empty"};
  two_ends life = open_lifeline();
  two_ends output = open_pipe();
  two_ends error = open_pipe();
  std::optional<child> watching;
  {
    const descriptor order_file = file_of(order_for(what));
    const descriptor input = file_of(what.input);
    child_recipe recipe;
    recipe.as = role::warden;
    recipe.arguments = {name_of_this_program};
    recipe.variables = this_environment();
    recipe.descriptors = {life.theirs.get(), order_file.get(), input.get(), output.theirs.get(),
                          error.theirs.get()};
    watching.emplace(recipe);
  }
  for (two_ends* const one : {&life, &output, &error}) one->theirs.close();

  outlet out{std::move(output.ours), outlet::keeps::first, what.output_bytes_max};
  outlet err{std::move(error.ours), outlet::keeps::last, what.error_bytes_max};
  std::vector<char> room(std::size_t{256} << 10);
  pollfd has_ended{life.ours.get(), POLLIN, 0};
  while (has_ended.revents == 0) {
    std::array<pollfd, 3> watched{{has_ended, out.watched(), err.watched()}};
    ::poll(watched.data(), watched.size(), -1);
    has_ended.revents = watched[0].revents;
    out.read(room);
    err.read(room);
  }
  const auto report = receive_report(life.ours.get());
  // Not before: it would end with what it watches over.
  const exit_status warden_end = watching->wait();
  if (!report) throw start_error{"the process that watches over a command " + warden_end.text()};
  check(*report, what);
  command_end end;
  end.status = {report->end, report->number};
  end.output_bytes = out.bytes();
  end.error_bytes = err.bytes();
  end.output = out.kept();
  end.last_error = err.kept();
  return end;
}

std::string find_program(const std::string& name, const environment& variables,
                         const std::string& folder, std::string& refusal) {
  const auto is_program = [](const std::string& file) { return ::access(file.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos) {
    const std::string file = folder.empty() || name.front() == '/' ? name : folder + "/" + name;
    if (is_program(file)) return file;
    refusal = "can't start " + name + ": " + std::strerror(errno) +
              "; on each node where it may run there must be such a program";
    return {};
  }
  const std::string path{find_variable(variables, "PATH").value_or("/bin:/usr/bin")};
  std::istringstream folders{path};
  for (std::string one; std::getline(folders, one, ':');) {
    const std::string file = (one.empty() ? "." : one) + "/" + name;
    if (is_program(file)) return file;
  }
  refusal = "can't start " + name + ": there is no such program in PATH (" + path +
            "); give its path, or set PATH in the command's environment";
  return {};
}

}  // namespace mobula::launch
