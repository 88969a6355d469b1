#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/progress.hpp"

namespace apps {

/// Draws progress on the standard error, so that the standard output is a program's results alone:
/// a bar where that is a terminal, else lines. The clock starts with it.
class shown_progress {
 public:
  shown_progress(std::string_view task, std::uint64_t total_bytes);
  /// Ends the drawing.
  ~shown_progress();
  shown_progress(const shown_progress&) = delete;
  shown_progress& operator=(const shown_progress&) = delete;

  void update(std::uint64_t done_bytes);

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  progress progress_;
};

}  // namespace apps
