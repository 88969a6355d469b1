#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace apps {

/// A file on disk, open for reading at any place.
class input_file {
 public:
  /// @throws std::system_error if it can't be opened; its code says why, its text names no path
  explicit input_file(const std::string& path);
  ~input_file();
  input_file(const input_file&) = delete;
  input_file& operator=(const input_file&) = delete;

  /// Reads up to `room.size()` bytes at `offset`; 0 only at the file's end.
  /// @throws std::system_error as the constructor does
  std::size_t read(std::uint64_t offset, std::span<char> room);

 private:
  int file_;
};

}  // namespace apps
