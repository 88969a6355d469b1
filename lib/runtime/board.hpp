#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/executor.hpp"
#include "core/scheduler.hpp"

namespace mobula::detail {

/// The page on which a worker shows what has begun in it, and how its scheduler reads it after the
/// worker's death. An entry is whole when its state is set, and gone when that is 0.
class board final : public core::task_board {
 public:
  /// @param page  zeroed shared memory
  explicit board(std::span<std::byte> page);

  /// How many attempts the page has room for.
  static std::uint32_t capacity(std::size_t page_bytes);
  static std::vector<core::begun_entry> read(std::span<const std::byte> page);

  void begun(const core::attempt& one) override;
  void suspended(const core::attempt& one) override;
  void resumed(const core::attempt& one) override;
  /// Shows until `settle`: the completion must be on its way before the entry is gone, or what has
  /// run would be taken for what has not begun.
  void ended(const core::attempt& one) override;
  /// The completion of what ended is published.
  void settle();

 private:
  struct entry;
  entry& at(std::uint32_t slot);
  std::span<std::byte> page_;
  entry* over_ = nullptr;  // ended, not settled
};

}  // namespace mobula::detail
