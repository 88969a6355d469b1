#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wordcount {

/// Letters, digits and underscores are what words are made of, and all bytes beyond ASCII, so that
/// UTF-8 stays whole. In coreutils' words: LC_ALL=C tr -cs 'A-Za-z0-9_\200-\377' '\n'.
inline constexpr std::array<bool, 256> is_word_byte_table = [] {
  std::array<bool, 256> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    table[byte] = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                  (byte >= '0' && byte <= '9') || byte == '_' || byte >= 0x80;
  }
  return table;
}();

constexpr bool is_word_byte(char byte) {
  return is_word_byte_table[static_cast<unsigned char>(byte)];
}

/// The same in every process: it decides which partition a word belongs to.
std::uint64_t hash_of(std::string_view word);

/// How often each word was seen.
///
/// Words are copied into one text, so that a table is three allocations however many it holds.
class word_table {
 public:
  word_table();

  void add(std::string_view word, std::uint64_t count = 1);
  std::size_t size() const { return used_; }

  /// Calls `visit(word, count)` for each word, in an order of no meaning.
  void for_each(auto&& visit) const {
    for (const slot& one : slots_) {
      if (one.count != 0) visit(word_of(one), one.count);
    }
  }

 private:
  struct slot {
    std::uint64_t hash = 0;
    std::uint64_t begin = 0;  // in text_
    std::uint64_t size = 0;
    std::uint64_t count = 0;  // 0: the slot is free
  };

  std::string_view word_of(const slot& one) const {
    return std::string_view{text_}.substr(one.begin, one.size);
  }
  void grow();

  std::vector<slot> slots_;  // open addressing; a power of two, at most half full
  std::string text_;
  std::size_t used_ = 0;
};

}  // namespace wordcount
