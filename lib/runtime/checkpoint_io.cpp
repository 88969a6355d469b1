#include "runtime/checkpoint_io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "mobula/errors.hpp"
#include "runtime/host_name.hpp"
#include "runtime/process.hpp"

namespace mobula::detail {

namespace {

// The kernel takes no more than 2 GiB at a time, and a checksum likes what is still in the cache.
constexpr std::size_t piece_bytes_max = std::size_t{1} << 30;

}  // namespace

std::string this_node() {
  const process* home = process::current();
  return "node " + std::to_string(home ? home->self().node() : 0U) + " (" + host_name() + ")";
}

void throw_io_error(const char* doing, const std::string& path, int error) {
  std::string text = std::string{"can't "} + doing + " '" + path + "' on " + this_node() + ": " +
                     std::strerror(error);
  if (error == ENOSPC || error == EDQUOT)
    text += ": make room there, or take another folder; the former checkpoint is still there";
  if (error == EACCES || error == EPERM || error == EROFS)
    text += ": take a folder that this user may use, on every node";
  if (error == EIO || error == ESTALE) text += ": look after its disk or file server";
  throw checkpoint_error{text};
}

void write_all(int file, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ::ssize_t count = ::write(file, bytes.data(), std::min(bytes.size(), piece_bytes_max));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_io_error("write", path);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

std::size_t read_some(int file, std::span<std::byte> into, const std::string& path) {
  std::size_t all = 0;
  while (all < into.size()) {
    const ::ssize_t count =
        ::read(file, into.data() + all, std::min(into.size() - all, piece_bytes_max));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_io_error("read", path);
    if (count == 0) break;
    all += static_cast<std::size_t>(count);
  }
  return all;
}

void make_safe(int file, const std::string& path) {
  // Some file systems have nothing to do for a folder, and say that it can't be done.
  while (::fsync(file) != 0) {
    if (errno == EINVAL || errno == ENOTSUP) return;
    if (errno != EINTR) throw_io_error("write", path);
  }
}

void make_names_safe(const std::string& folder) {
  const launch::descriptor here{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!here) throw_io_error("read", folder);
  make_safe(here.get(), folder);
}

}  // namespace mobula::detail
