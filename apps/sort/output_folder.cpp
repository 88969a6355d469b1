#include "sort/output_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace sorting {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(std::string_view path, const std::string& why) {
  throw std::runtime_error{fmt::format("{}: {}", path, why)};
}

void sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = folder >= 0 && ::fsync(folder) == 0;
  const int reason = errno;
  if (folder >= 0) ::close(folder);
  // Some file systems have nothing to wait for, and refuse.
  if (!done && reason != EINVAL) fail(path, std::strerror(reason));
}

}  // namespace

output_folder::output_folder(std::string path, std::string prefix, std::uint32_t files)
    : path_{std::move(path)},
      prefix_{std::move(prefix)},
      files_{files},
      token_{fmt::format("{:08x}", std::random_device{}())} {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) fail(path_, error.message());
  fs::directory_iterator entry{path_, error};
  for (; !error && entry != fs::directory_iterator{}; entry.increment(error)) {
    if (entry->path().filename().native().starts_with(prefix_)) {
      fail(path_, fmt::format("has such files already ({}): name another folder, or remove them",
                              entry->path().filename().native()));
    }
  }
  if (error) fail(path_, error.message());
  if (::access(path_.c_str(), W_OK | X_OK) != 0) fail(path_, std::strerror(errno));
}

output_folder::~output_folder() {
  std::error_code ignored;
  for (std::uint32_t i = 0; i < files_; ++i) fs::remove(unpublished(i), ignored);
}

std::string output_folder::unpublished(std::uint32_t file) const {
  return fmt::format("{}/.{}{:05}.{}.partial", path_, prefix_, file, token_);
}

std::string output_folder::published(std::uint32_t file) const {
  return fmt::format("{}/{}{:05}", path_, prefix_, file);
}

void output_folder::publish(bool to_disk) {
  std::uint32_t named = 0;
  try {
    for (; named < files_; ++named) fs::rename(unpublished(named), published(named));
    if (to_disk) sync_folder(path_);
  } catch (const std::exception& error) {
    std::error_code ignored;
    while (named > 0) fs::remove(published(--named), ignored);
    if (const auto* system = dynamic_cast<const fs::filesystem_error*>(&error)) {
      fail(system->path1().native(),
           fmt::format("can't be renamed: {} (all nodes must see the same folder)",
                       system->code().message()));
    }
    throw;
  }
}

}  // namespace sorting
