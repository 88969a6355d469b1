#pragma once

#include <span>
#include <string>

namespace sorting {

/// A new file, which goes with this object unless it is finished. What stood under its name before
/// is another file then, even to somebody who still writes to it.
class output_file {
 public:
  /// @throws std::runtime_error in words, as all of these do
  explicit output_file(std::string path);
  ~output_file();
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;

  void write(std::span<const char> bytes);

  /// All is written: the file stays.
  /// @param to_disk  waits until a loss of power would not lose it
  void finish(bool to_disk);

 private:
  [[noreturn]] void fail() const;

  std::string path_;
  int file_;
  bool finished_ = false;
};

}  // namespace sorting
