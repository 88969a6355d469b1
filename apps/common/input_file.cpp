#include "common/input_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace apps {

namespace {

[[noreturn]] void fail() { throw std::system_error{errno, std::generic_category()}; }

}  // namespace

input_file::input_file(const std::string& path)
    : file_{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)} {
  if (file_ < 0) fail();
}

input_file::~input_file() { ::close(file_); }

std::size_t input_file::read(std::uint64_t offset, std::span<char> room) {
  ssize_t size;
  do {
    size = ::pread(file_, room.data(), room.size(), static_cast<off_t>(offset));
  } while (size < 0 && errno == EINTR);
  if (size < 0) fail();
  return static_cast<std::size_t>(size);
}

}  // namespace apps
