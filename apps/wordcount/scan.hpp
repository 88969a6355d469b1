#pragma once

#include <cstdint>
#include <span>

#include "common/splits.hpp"
#include "wordcount/word_table.hpp"

namespace wordcount {

/// Where a file's bytes come from.
class byte_source {
 public:
  /// Reads up to `room.size()` bytes at `offset`; 0 only at the file's end.
  /// @throws std::system_error
  virtual std::size_t read(std::uint64_t offset, std::span<char> room) = 0;

 protected:
  ~byte_source() = default;
};

/// Counts the words whose first byte lies in [begin, end). One that reaches over the end is read
/// on to its last byte, one that came over the beginning is left to whoever has its first: so each
/// word of a file that is cut anywhere counts once.
void count_words(byte_source& source, std::uint64_t begin, std::uint64_t end, word_table& into);

/// The same, of a file on disk.
/// @throws std::system_error if it can't be read
void count_words(const apps::piece& piece, word_table& into);

}  // namespace wordcount
