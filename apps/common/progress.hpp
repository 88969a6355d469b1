#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace apps {

/// "1.5 GB", "20 kB", "7 B": powers of 1000, three digits.
std::string bytes_text(double bytes);
/// "3 s", "2 min 5 s", "1 h 2 min".
std::string seconds_text(double seconds);

/// Says how far a job is: a bar that is drawn over itself on a terminal, else a plain line each
/// tenth of the way. It knows neither clock nor terminal: time is handed in, text comes out.
class progress {
 public:
  enum class style { bar, lines };

  /// @param total_bytes  what `update` counts up to
  /// @param width  columns of the terminal; lines have none
  progress(std::string_view task, std::uint64_t total_bytes, style how, std::uint32_t width = 80);

  /// `done_bytes` are done after `seconds`. @returns what to print now; nothing if nothing is due
  std::optional<std::string> update(std::uint64_t done_bytes, double seconds);

  /// What ends the drawing: an end of line where a bar stands.
  std::string end() const;

 private:
  std::string text(std::uint64_t done_bytes, double seconds) const;
  std::string bar(double part, std::size_t text_columns) const;

  std::string task_;
  std::uint64_t total_bytes_;
  style style_;
  std::uint32_t width_;
  double drawn_at_seconds_ = -1;   // bar
  std::int64_t tenths_said_ = -1;  // lines
};

}  // namespace apps
