#include "store/file_blocks.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace mobula::store {

namespace {

// Below IOV_MAX everywhere.
constexpr std::size_t pieces_a_call_max = 512;

// Takes `bytes` off the front of what is left to be written.
void drop_front(std::span<iovec>& left, std::uint64_t bytes) {
  while (!left.empty() && bytes >= left.front().iov_len) {
    bytes -= left.front().iov_len;
    left = left.subspan(1);
  }
  if (left.empty()) return;
  left.front().iov_base = static_cast<std::byte*>(left.front().iov_base) + bytes;
  left.front().iov_len -= bytes;
}

// Writes neighbours. Those before the one that fails are written.
void write_neighbours(int file, std::span<file_piece> pieces) {
  std::vector<iovec> parts;
  for (const file_piece& one : pieces)
    parts.push_back({const_cast<std::byte*>(one.memory), one.size_bytes});
  std::span<iovec> left{parts};
  drop_front(left, 0);  // empty ones
  std::uint64_t offset = pieces.front().offset;
  while (!left.empty()) {
    const ssize_t written =
        ::pwritev(file, left.data(), static_cast<int>(left.size()), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error = written < 0 ? errno : EIO;
      for (std::size_t i = pieces.size() - left.size(); i < pieces.size(); ++i)
        pieces[i].error = error;
      return;
    }
    offset += static_cast<std::uint64_t>(written);
    drop_front(left, static_cast<std::uint64_t>(written));
  }
  // The disk begins at once: what is written is soon clean, and its memory can be had again.
  const std::uint64_t begin = pieces.front().offset;
  ::sync_file_range(file, static_cast<off_t>(begin), static_cast<off_t>(offset - begin),
                    SYNC_FILE_RANGE_WRITE);
}

}  // namespace

void write_pieces(int file, std::vector<file_piece>& pieces) {
  std::ranges::sort(pieces, {}, &file_piece::offset);
  std::size_t begin = 0;
  while (begin < pieces.size()) {
    std::size_t end = begin + 1;
    while (end < pieces.size() && end - begin < pieces_a_call_max &&
           pieces[end].offset == pieces[end - 1].offset + pieces[end - 1].size_bytes)
      ++end;
    write_neighbours(file, std::span{pieces}.subspan(begin, end - begin));
    begin = end;
  }
}

int read_piece(int file, std::uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t got = ::pread(file, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return ENODATA;
    offset += static_cast<std::uint64_t>(got);
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return 0;
}

}  // namespace mobula::store
