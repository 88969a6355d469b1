#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "store/descriptor.hpp"

namespace mobula::store {

/// Reads and writes a file in a thread of its own, which starts with the first job, so that whoever
/// asks never waits for a disk. Reads go first, turn by turn with writes: somebody waits for them.
/// Writes keep their order; those that stand in line together leave in large blocks, neighbours in
/// one. Of a large job one block is done at a time, so that nobody waits for the whole of it.
///
/// The asking side is one thread. The memory of a job stays valid until its completion, or the end
/// of the queue, which drops what has not begun.
class file_queue {
 public:
  struct completion {
    std::uint64_t token = 0;
    int error = 0;  // errno; 0: done
  };

  /// @param file  stays open as long as this; not owned
  file_queue(int file, std::uint64_t block_bytes);
  file_queue(const file_queue&) = delete;
  file_queue& operator=(const file_queue&) = delete;
  ~file_queue();

  void write(std::uint64_t token, std::uint64_t offset, std::span<const std::byte> from);
  /// What was written before, by a job that has completed.
  void read(std::uint64_t token, std::uint64_t offset, std::span<std::byte> into);
  /// Gives the disk's room back, after the writes before and before the writes after it. Not told.
  void punch(std::uint64_t offset, std::uint64_t size_bytes);

  std::vector<completion> take_completions();
  /// Readable while there are completions to take.
  int event() const { return event_.get(); }
  /// Jobs whose completions were not taken yet.
  std::size_t jobs() const { return jobs_; }

 private:
  enum class kind : std::uint8_t { write, read, punch };
  struct job {
    kind what = kind::write;
    std::uint64_t token = 0;
    std::uint64_t offset = 0;
    std::byte* memory = nullptr;
    std::uint64_t size_bytes = 0;
  };

  void add(std::deque<job>& line, job one);
  void start();
  void run();
  void read_a_block(std::unique_lock<std::mutex>& held);
  void write_a_block(std::unique_lock<std::mutex>& held);
  void complete(std::uint64_t token, int error);

  int file_;
  std::uint64_t block_bytes_;
  descriptor event_;
  std::size_t jobs_ = 0;
  std::thread thread_;

  std::mutex lock_;
  std::condition_variable work_;
  std::deque<job> reads_;
  std::deque<job> writes_;
  std::vector<completion> done_;
  bool read_last_ = false;
  bool ending_ = false;
};

}  // namespace mobula::store
