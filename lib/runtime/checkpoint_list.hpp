#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mobula::detail {

// A checkpoint's folder:
//   mobula.checkpoint               the list of its files, written last
//   mobula.GENERATION.INDEX.object  the file of each object
//   mobula.GENERATION.saving        what becomes the list; locked by who saves, as long as it lives
// A generation is a number, picked at random for each checkpoint, of 16 hexadecimal digits.

inline constexpr std::string_view list_file = "mobula.checkpoint";
std::string object_file(std::uint64_t generation, std::uint64_t index);
std::string saving_file(std::uint64_t generation);
/// Of a file of one of the last two kinds; nothing of any other: it is none of Mobula's.
std::optional<std::uint64_t> generation_of(std::string_view file);

/// The list of a checkpoint's files.
struct checkpoint_list {
  struct object {
    std::uint64_t size_bytes = 0;
    std::uint64_t checksum = 0;
    bool operator==(const object&) const = default;
  };
  std::string type;          // of the values, as it is written in C++
  std::uint64_t layout = 0;  // layout_mark::sum
  std::uint64_t generation = 0;
  std::vector<object> objects;

  /// As lines for people and programs, the last of which has the checksum of all before.
  std::string text() const;
};

/// Whether a text begins as a list does, of whatever version.
bool is_a_list(std::string_view text);

/// Reads one. @param path  where it stands, to be named
/// @throws checkpoint_error if it is no list, of another version or byte order, or not whole
checkpoint_list read_list(std::string_view text, const std::string& path);

}  // namespace mobula::detail
