#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mobula::store {

/// A piece of memory and where it goes in a file.
struct file_piece {
  std::uint64_t offset = 0;
  const std::byte* memory = nullptr;
  std::uint64_t size_bytes = 0;
  std::uint64_t token = 0;  // of the caller's
  bool is_last = true;      // of what the token stands for
  int error = 0;            // what became of it: errno, or 0
};

/// Writes pieces that don't overlap, in the order of their places, neighbours in one call. Each
/// piece says what became of it.
void write_pieces(int file, std::vector<file_piece>& pieces);

/// Fills all of `into`. @returns errno, or 0; ENODATA: the file ends before
int read_piece(int file, std::uint64_t offset, std::span<std::byte> into);

}  // namespace mobula::store
