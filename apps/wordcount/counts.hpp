#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wordcount/word_table.hpp"

namespace wordcount {

/// Words and how often each was seen, packed to travel: one text, one word a line.
struct packed_counts {
  std::string words;
  std::vector<std::uint64_t> counts;
  std::vector<std::string> unreadable;  // "path: reason"; only the first partition names them

  void serialize(auto& archive, unsigned) { archive& words& counts& unreadable; }
};

/// The words of `table` by partition: each word is in one of `parts`, the same in all processes.
std::vector<packed_counts> partition(const word_table& table, std::uint32_t parts);

/// Adds packed words to a table.
void add(const packed_counts& packed, word_table& into);

using counted_word = std::pair<std::string, std::uint64_t>;

/// What is left of a partition once all its words are together.
struct ranking {
  std::vector<counted_word> top;  // most frequent first, equals in byte order
  std::uint64_t words = 0;
  std::uint64_t distinct_words = 0;
  std::vector<std::string> unreadable;

  void serialize(auto& archive, unsigned) { archive& top& words& distinct_words& unreadable; }
};

/// The `limit` most frequent words of the table; all of them if it is 0.
ranking rank(const word_table& table, std::uint64_t limit);

/// The ranking of two sets of words that share none.
ranking merge(ranking one, ranking other, std::uint64_t limit);

}  // namespace wordcount
