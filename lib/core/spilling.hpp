#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

#include "core/copy.hpp"
#include "core/kept_blocks.hpp"
#include "core/spill_disk.hpp"

namespace mobula::core {

/// The memory and the disk of the copies of a node: moves them between the two (see residence), and
/// keeps those in memory in the order of their use.
///
/// What is being written or read when a copy is released stays until that has ended.
class spilling {
 public:
  /// @param memory  where blocks are released
  /// @param kept    below it
  /// @param disk    null: there is none
  spilling(block_store& memory, kept_blocks& kept, spill_disk* disk)
      : memory_{memory}, kept_{kept}, disk_{disk} {}

  bool has_disk() const { return disk_ != nullptr; }

  /// The copy is at its place.
  void add(copy& one);
  /// It is no more.
  void release(copy& one);
  /// Somebody reads it, or is about to.
  void used(copy& one);
  void tick(std::uint64_t now_ns) { now_ns_ = now_ns; }
  /// An offered replica counts as any other copy from now on.
  void promote(copy& one);
  /// Copies in memory that are not on their way: replicas, or all others.
  copy_order& order(bool replicas) { return order_[replicas ? 1 : 0]; }
  const copy_order& order(bool replicas) const { return order_[replicas ? 1 : 0]; }

  /// Begins to write a copy, or takes it out of memory at once if it has been written before.
  /// False: the disk has no room, `refusal` says why.
  bool leave(copy& one);
  /// Takes the disk away from copies that are in memory, too. False: there are none.
  bool forget_written();
  /// Begins to read a copy from disk into that block of memory. False: that can't be mapped here,
  /// and is released.
  bool bring_back(copy& one, const wire::location& block);

  /// While a range is held it is not given back, whatever becomes of its copy.
  void hold(spill_disk::range one) { ++held_[one].holds; }
  void let_go(spill_disk::range one);
  /// Begins to read a part of a range that is held. @return the token that comes with its end
  std::uint64_t read(spill_disk::range from, std::uint64_t offset, std::span<std::byte> into);

  enum class ended : std::uint8_t {
    nothing,    // nobody is interested any more
    left,       // the copy is on disk alone
    stayed,     // it was wanted meanwhile, or could not be written
    came_back,  // it is in memory, or still on disk if that failed
    part,       // a read
  };
  struct end {
    ended what = ended::nothing;
    copy* whose = nullptr;
  };
  /// What was begun has ended. @param failure  empty: well
  end on_disk(std::uint64_t token, const std::string& failure);

  /// In words: why nothing can be written, since something could or the disk got room back.
  const std::string& refusal() const { return refusal_; }
  std::uint64_t bytes_in_memory() const { return bytes_in_memory_; }
  std::uint64_t bytes_leaving() const { return bytes_leaving_; }
  /// Of copies that are on disk alone.
  std::uint64_t bytes_on_disk() const { return bytes_on_disk_; }
  /// Of released copies whose memory is still being written or read.
  std::uint64_t bytes_ending() const { return bytes_ending_; }

 private:
  struct job {
    ended what = ended::nothing;  // what it is for
    copy* whose = nullptr;        // null: it was released
    wire::location block;
    spill_disk::range range = 0;
    bool owner_ended = false;  // and so it was released
  };
  std::uint64_t begin(job one);
  void abandon(const copy& one);
  void give_back(spill_disk::range one);
  void leave_memory(copy& one);

  block_store& memory_;
  kept_blocks& kept_;
  spill_disk* disk_;
  std::array<copy_order, 2> order_;  // primaries, replicas
  std::unordered_map<std::uint64_t, job> jobs_;
  std::unordered_map<const copy*, std::uint64_t> job_of_;
  struct held_range {
    std::size_t holds = 0;
    bool given_back = false;  // by its copy
  };
  std::unordered_map<spill_disk::range, held_range> held_;
  std::uint64_t last_token_ = 0;
  std::uint64_t now_ns_ = 0;
  std::string refusal_;
  std::uint64_t bytes_in_memory_ = 0;
  std::uint64_t bytes_leaving_ = 0;
  std::uint64_t bytes_on_disk_ = 0;
  std::uint64_t bytes_ending_ = 0;
};

}  // namespace mobula::core
