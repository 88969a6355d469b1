#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace mobula::core {

/// Where a node's objects go when memory ends, as the directory sees it. lib/store has the real
/// one, a file; tests have one in memory.
///
/// None of it blocks or calls back. What `write` and `read` began ends with directory::on_disk,
/// always, later, and only when nothing reads or writes the node's memory for it any more.
class spill_disk {
 public:
  /// Names a part of the disk; never 0.
  using range = std::uint64_t;

  /// Nothing: there is no room, see `full`.
  virtual std::optional<range> take(std::uint64_t size_bytes) = 0;
  /// Nothing may be under way there.
  virtual void give_back(range gone) = 0;
  /// The bytes stay what they are until the end.
  virtual void write(std::uint64_t token, range into, std::span<const std::byte> from) = 0;
  /// A part of what was written.
  virtual void read(std::uint64_t token, range from, std::uint64_t offset,
                    std::span<std::byte> into) = 0;
  /// Why `take` finds no room, in words, and what to do about it.
  virtual std::string full() const = 0;

 protected:
  ~spill_disk() = default;
};

}  // namespace mobula::core
