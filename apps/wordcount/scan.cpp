#include "wordcount/scan.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "common/input_file.hpp"

namespace wordcount {

namespace {

constexpr std::size_t chunk_bytes = std::size_t{1} << 18;
constexpr std::size_t overrun_bytes = std::size_t{1} << 12;  // first read beyond a piece's end

/// Takes the bytes of a piece, chunk after chunk.
class scanner {
 public:
  scanner(std::uint64_t end, bool inside_foreign_word, word_table& into)
      : end_{end}, foreign_{inside_foreign_word}, into_{into} {}

  /// Whether bytes from `offset` on can still matter.
  bool wants(std::uint64_t offset) const { return offset < end_ || (!foreign_ && !begun_.empty()); }

  void take(std::uint64_t offset, std::string_view chunk) {
    std::size_t at = 0;
    if (foreign_ || !begun_.empty()) {
      at = skip(chunk, 0, true);
      if (!foreign_) begun_ += chunk.substr(0, at);
      if (at == chunk.size()) return;
      finish();
    }
    while (true) {
      at = skip(chunk, at, false);
      if (at == chunk.size() || offset + at >= end_) return;
      const std::size_t begin = at;
      at = skip(chunk, at, true);
      if (at == chunk.size()) {
        begun_ = chunk.substr(begin);
        return;
      }
      into_.add(chunk.substr(begin, at - begin));
    }
  }

  /// The word that was being read has ended, or the file has.
  void finish() {
    if (!begun_.empty()) into_.add(begun_);
    begun_.clear();
    foreign_ = false;
  }

 private:
  static std::size_t skip(std::string_view chunk, std::size_t at, bool word_bytes) {
    while (at < chunk.size() && is_word_byte(chunk[at]) == word_bytes) ++at;
    return at;
  }

  std::uint64_t end_;
  bool foreign_;       // inside a word that began before this piece
  std::string begun_;  // a word of this piece that reached the end of a chunk
  word_table& into_;
};

class file_source final : public byte_source {
 public:
  explicit file_source(const std::string& path) : file_{path} {}
  std::size_t read(std::uint64_t offset, std::span<char> room) override {
    return file_.read(offset, room);
  }

 private:
  apps::input_file file_;
};

}  // namespace

void count_words(byte_source& source, std::uint64_t begin, std::uint64_t end, word_table& into) {
  if (begin >= end) return;
  char before = ' ';
  if (begin > 0 && source.read(begin - 1, {&before, 1}) == 0) return;  // the file has shrunk
  scanner scanner{end, is_word_byte(before), into};

  std::vector<char> room(std::min<std::uint64_t>(chunk_bytes, end - begin + overrun_bytes));
  for (std::uint64_t offset = begin; scanner.wants(offset);) {
    const std::size_t size = source.read(offset, room);
    if (size == 0) break;
    scanner.take(offset, {room.data(), size});
    offset += size;
  }
  scanner.finish();
}

void count_words(const apps::piece& piece, word_table& into) {
  file_source file{piece.path};
  count_words(file, piece.begin, piece.end, into);
}

}  // namespace wordcount
