#include "common/shown_progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace apps {

namespace {

bool on_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) && kind && std::string_view{kind} != "dumb";
}

std::uint32_t columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void print(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace

shown_progress::shown_progress(std::string_view task, std::uint64_t total_bytes)
    : progress_{task, total_bytes, on_terminal() ? progress::style::bar : progress::style::lines,
                columns()} {}

shown_progress::~shown_progress() { print(progress_.end()); }

void shown_progress::update(std::uint64_t done_bytes) {
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - start_;
  if (const auto text = progress_.update(done_bytes, since.count())) print(*text);
}

}  // namespace apps
