#include "sort/output_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace sorting {

output_file::output_file(std::string path) : path_{std::move(path)} {
  ::unlink(path_.c_str());  // of an attempt that died
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ < 0) fail();
}

output_file::~output_file() {
  if (file_ >= 0) ::close(file_);
  if (!finished_) ::unlink(path_.c_str());
}

void output_file::write(std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(file_, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) fail();
    bytes = bytes.subspan(static_cast<std::size_t>(size));
  }
}

void output_file::finish(bool to_disk) {
  if (to_disk && ::fsync(file_) != 0) fail();
  // Network file systems say only now what went wrong.
  if (::close(std::exchange(file_, -1)) != 0) fail();
  finished_ = true;
}

void output_file::fail() const {
  throw std::runtime_error{"can't write " + path_ + ": " + std::strerror(errno)};
}

}  // namespace sorting
