#pragma once

#include <cstdint>
#include <string>

namespace sorting {

/// Where the files of a job go: DIR/sorted-00000 and so on. They get these names all at once, when
/// all are whole; until then each has a hidden one, which goes with this object.
class output_folder {
 public:
  /// Makes the folder if it isn't there.
  /// @throws std::runtime_error in words, if nothing can be written there, or files with such names
  ///   are there already: together with new ones they would be no sequence
  /// @param prefix  of the files' names: "sorted-"
  output_folder(std::string path, std::string prefix, std::uint32_t files);
  /// Removes what has no name yet. No task may be writing then.
  ~output_folder();
  output_folder(const output_folder&) = delete;
  output_folder& operator=(const output_folder&) = delete;

  /// Where to write a file, to be published later.
  std::string unpublished(std::uint32_t file) const;

  /// Gives all files their names.
  /// @param to_disk  waits until a loss of power would not lose them
  /// @throws std::runtime_error in words; no file has a name then
  void publish(bool to_disk);

 private:
  std::string published(std::uint32_t file) const;

  std::string path_;
  std::string prefix_;
  std::uint32_t files_;
  std::string token_;  // tells this job's files from those of others
};

}  // namespace sorting
