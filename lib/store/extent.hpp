#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "store/descriptor.hpp"

namespace mobula::store {

/// Whether extents that this process maps from now on are in its core dumps: with all of their
/// memory, once for each process that dumps. They are not, unless this is asked for.
void dump_extents(bool dumped);

/// A shared mapping of a whole extent in this process; unmapped with this. All of an extent's begin
/// at the same place within a large page, so that page tables fit from one to another.
class extent_mapping {
 public:
  enum class access : std::uint8_t {
    read,
    write,
    lend,  // as read at first; parts become writable, see page_tables
  };

  extent_mapping() = default;
  /// Maps all of the file; empty if the system refuses (errno tells).
  extent_mapping(int file, access how);
  extent_mapping(extent_mapping&& other) noexcept;
  extent_mapping& operator=(extent_mapping&& other) noexcept;
  ~extent_mapping();

  std::span<std::byte> bytes() const { return bytes_; }
  explicit operator bool() const { return !bytes_.empty(); }

 private:
  std::span<std::byte> bytes_;
};

/// One piece of a node's store: a memory file without a name. Made by the node's scheduler process,
/// mapped by others through its descriptor. Its size is sealed, so that no process can shrink it
/// under another's mapping. Address range at first; memory comes where it is touched.
class extent {
 public:
  /// Nothing if the system refuses (errno tells).
  static std::optional<extent> make(std::uint64_t size_bytes);

  int file() const { return file_.get(); }
  std::uint64_t size_bytes() const { return size_bytes_; }
  /// This process's mapping, made when first asked for; empty if the system refuses.
  std::span<std::byte> bytes();
  /// Gives the memory of whole pages back. What is mapped stays mapped, and reads as zero.
  void release_memory(std::uint64_t offset, std::uint64_t size_bytes);

 private:
  extent(descriptor file, std::uint64_t size_bytes)
      : file_{std::move(file)}, size_bytes_{size_bytes} {}

  descriptor file_;
  std::uint64_t size_bytes_;
  extent_mapping mapping_;
};

}  // namespace mobula::store
