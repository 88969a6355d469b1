#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>

namespace mobula::store {

/// Populates pages ahead of their use, in a thread of its own that starts with the first of them:
/// fresh memory is filled at an eighth of the speed of warm memory, and whoever hands it out must
/// not wait. Which pages is its owner's business.
class warm_ahead {
 public:
  warm_ahead() = default;
  warm_ahead(const warm_ahead&) = delete;
  warm_ahead& operator=(const warm_ahead&) = delete;
  /// Drops what has not begun.
  ~warm_ahead();

  /// Has pages of an extent populated. The file stays open until `drop`, or as long as this.
  void add(std::uint32_t extent, int file, std::uint64_t offset, std::uint64_t size_bytes);
  /// Nothing of the extent is populated any more when this returns, so that its memory can be given
  /// back. Waits at most for the piece under way, if that lies in it.
  void drop(std::uint32_t extent);
  /// Waits until nothing is left to do.
  void finish();

 private:
  struct pages {
    std::uint32_t extent = 0;
    int file = -1;
    std::uint64_t offset = 0;
    std::uint64_t size_bytes = 0;
  };
  void run();

  /// What `drop` may wait for: about a millisecond.
  static constexpr std::uint64_t piece_bytes = std::uint64_t{2} << 20;

  std::thread thread_;
  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<pages> line_;
  pages now_;  // under way, if size_bytes isn't 0
  bool ending_ = false;
};

}  // namespace mobula::store
