#include "common/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace apps {

namespace {

constexpr double seconds_between_drawings = 0.05;
constexpr std::size_t bar_columns_min = 10;
constexpr std::size_t bar_columns_max = 40;

}  // namespace

std::string bytes_text(double bytes) {
  constexpr std::array units{"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  // 999.5 would be printed as 1000.
  while (bytes >= 999.5 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", bytes, decimals, units[unit]);
}

std::string seconds_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(std::clamp(seconds, 0.0, 1e12)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

progress::progress(std::string_view task, std::uint64_t total_bytes, style how, std::uint32_t width)
    : task_{task}, total_bytes_{total_bytes}, style_{how}, width_{width} {}

std::optional<std::string> progress::update(std::uint64_t done_bytes, double seconds) {
  done_bytes = std::min(done_bytes, total_bytes_);
  const bool whole = done_bytes == total_bytes_;
  const double part =
      whole ? 1.0 : static_cast<double>(done_bytes) / static_cast<double>(total_bytes_);

  if (style_ == style::lines) {
    const auto tenths = static_cast<std::int64_t>(part * 10);
    if (tenths <= tenths_said_) return std::nullopt;
    tenths_said_ = tenths;
    return fmt::format("{} {:3.0f} %  {}\n", task_, std::floor(part * 100),
                       text(done_bytes, seconds));
  }

  const bool first = drawn_at_seconds_ < 0;
  if (!first && !whole && seconds - drawn_at_seconds_ < seconds_between_drawings) {
    return std::nullopt;
  }
  drawn_at_seconds_ = std::max(seconds, 0.0);
  const std::string figures =
      fmt::format(" {:3.0f} %  {}", std::floor(part * 100), text(done_bytes, seconds));
  std::string line = task_ + ' ' + bar(part, task_.size() + 1 + figures.size()) + figures;
  // A line that wraps could not be drawn over.
  if (line.size() >= width_ && width_ > 0) line.resize(width_ - 1);
  return "\r" + line + "\x1b[K";
}

std::string progress::end() const {
  return style_ == style::bar && drawn_at_seconds_ >= 0 ? "\n" : "";
}

std::string progress::text(std::uint64_t done_bytes, double seconds) const {
  std::string text = fmt::format("{} of {}", bytes_text(static_cast<double>(done_bytes)),
                                 bytes_text(static_cast<double>(total_bytes_)));
  if (done_bytes == 0 || seconds <= 0) return text;
  const double rate = static_cast<double>(done_bytes) / seconds;
  text += fmt::format("  {}/s", bytes_text(rate));
  if (done_bytes < total_bytes_) {
    text += fmt::format("  {} left",
                        seconds_text(static_cast<double>(total_bytes_ - done_bytes) / rate));
  } else {
    text += fmt::format("  in {:.1f} s", seconds);
  }
  return text;
}

std::string progress::bar(double part, std::size_t text_columns) const {
  const std::size_t room = width_ > text_columns + 3 ? width_ - text_columns - 3 : 0;
  const std::size_t columns = std::clamp(room, bar_columns_min, bar_columns_max);
  const auto full = static_cast<std::size_t>(part * static_cast<double>(columns));
  return '[' + std::string(full, '#') + std::string(columns - full, '.') + ']';
}

}  // namespace apps
