#include "wordcount/counts.hpp"

#include <algorithm>
#include <iterator>

namespace wordcount {

namespace {

// As `sort -k1,1nr -k2` orders the lines of `uniq -c` under LC_ALL=C.
template <class Word>
bool comes_first(const std::pair<Word, std::uint64_t>& one,
                 const std::pair<Word, std::uint64_t>& other) {
  return one.second != other.second ? one.second > other.second : one.first < other.first;
}

}  // namespace

std::vector<packed_counts> partition(const word_table& table, std::uint32_t parts) {
  std::vector<packed_counts> partitions(parts);
  table.for_each([&](std::string_view word, std::uint64_t count) {
    // The high bits: the low ones choose a slot in the table.
    packed_counts& mine = partitions[(hash_of(word) >> 32) % parts];
    mine.words += word;
    mine.words += '\n';
    mine.counts.push_back(count);
  });
  return partitions;
}

void add(const packed_counts& packed, word_table& into) {
  std::string_view rest = packed.words;
  for (const std::uint64_t count : packed.counts) {
    const std::size_t size = rest.find('\n');
    into.add(rest.substr(0, size), count);
    rest.remove_prefix(size + 1);
  }
}

ranking rank(const word_table& table, std::uint64_t limit) {
  ranking result;
  std::vector<std::pair<std::string_view, std::uint64_t>> all;
  all.reserve(table.size());
  table.for_each([&](std::string_view word, std::uint64_t count) {
    all.emplace_back(word, count);
    result.words += count;
  });
  result.distinct_words = all.size();
  const std::size_t kept = limit == 0 ? all.size() : std::min<std::size_t>(limit, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
                    comes_first<std::string_view>);
  result.top.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept));
  return result;
}

ranking merge(ranking one, ranking other, std::uint64_t limit) {
  ranking both;
  both.words = one.words + other.words;
  both.distinct_words = one.distinct_words + other.distinct_words;
  both.unreadable = std::move(one.unreadable);
  std::move(other.unreadable.begin(), other.unreadable.end(), std::back_inserter(both.unreadable));
  std::merge(std::move_iterator{one.top.begin()}, std::move_iterator{one.top.end()},
             std::move_iterator{other.top.begin()}, std::move_iterator{other.top.end()},
             std::back_inserter(both.top), comes_first<std::string>);
  if (limit != 0 && both.top.size() > limit) both.top.resize(limit);
  return both;
}

}  // namespace wordcount
