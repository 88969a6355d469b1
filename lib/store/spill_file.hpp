#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/descriptor.hpp"
#include "store/file_queue.hpp"
#include "store/spill_ranges.hpp"

namespace mobula::store {

struct spill_options {
  std::string folder;             // see find_spill_folder
  std::uint64_t quota_bytes = 0;  // of disk, see default_spill_bytes
  /// What is read and written at a time. Of 64 KiB to 16 MiB this was the fastest: smaller blocks
  /// cost calls, and with larger ones the disk idles while memory is copied.
  std::uint64_t block_bytes = std::uint64_t{1} << 20;
  /// Tests only, see open_unnamed_file.
  bool by_name = false;
};

/// What a spill file may take of a disk that has so much free: four fifths, since others need some.
std::uint64_t default_spill_bytes(std::uint64_t free_bytes);

/// Where a node's objects go when memory ends: one file of the node, without a name, so that
/// nothing is left of it whatever dies. All calls come from one thread (the scheduler's loop) and
/// none of them waits for the disk, but `read_now`.
///
/// The way of an object:  take -> write -> completion -> read or read_now, often -> give_back.
/// Nothing may be under way on a range that is given back.
class spill_file {
 public:
  /// Null if the folder refuses: `refusal` says why and what to do.
  static std::unique_ptr<spill_file> open(const spill_options& options, std::string& refusal);

  /// Room for an object; nothing: the quota is used up, see `full`.
  std::optional<spill_range> take(std::uint64_t size_bytes);
  /// Its room can be taken again, and goes back to the disk where much is free. False: it was no
  /// range in use.
  bool give_back(const spill_range& gone);

  /// Begins to write an object; its bytes stay as they are until the completion with the token.
  void write(std::uint64_t token, const spill_range& where, std::span<const std::byte> from);
  /// Begins to read an object that was written.
  void read(std::uint64_t token, const spill_range& where, std::span<std::byte> into);
  /// Reads a part of an object at once. May be called by any thread.
  /// @returns what went wrong, in words
  std::optional<std::string> read_now(const spill_range& where, std::uint64_t skip_bytes,
                                      std::span<std::byte> into) const;

  struct completion {
    std::uint64_t token = 0;
    std::optional<std::string> failure;  // in words: what, where, what to do
  };
  /// What has ended since the last call.
  std::vector<completion> take_completions();
  /// Readable while there are completions to take.
  int event() const { return queue_->event(); }
  /// Reads and writes whose completions were not taken yet.
  std::size_t under_way() const { return queue_->jobs(); }

  /// Why `take` finds no room, in words.
  std::string full() const;
  const std::string& folder() const { return options_.folder; }
  std::uint64_t quota_bytes() const { return books_.quota_bytes(); }
  std::uint64_t in_use_bytes() const { return books_.in_use_bytes(); }
  /// Stays ours.
  int file() const { return file_.get(); }

 private:
  spill_file(spill_options options, descriptor file, bool punches);
  void punch_holes();

  spill_options options_;
  descriptor file_;
  spill_ranges books_;
  std::unique_ptr<file_queue> queue_;  // ends before the file is closed
};

}  // namespace mobula::store
