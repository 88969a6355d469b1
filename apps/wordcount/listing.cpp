#include "wordcount/listing.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace wordcount {

namespace fs = std::filesystem;

namespace {

// A split costs a task, a handful of messages and a file to open: worth it from about a megabyte
// on. Beyond 64 MiB longer tasks only make the end of the job uneven.
constexpr std::uint64_t split_bytes_min = std::uint64_t{1} << 20;
constexpr std::uint64_t split_bytes_max = std::uint64_t{64} << 20;
constexpr std::uint64_t splits_wanted = 64;

class walk {
 public:
  explicit walk(listing& found) : found_{found} {}

  void root(const fs::path& path) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status)) {
      if (!error) error = std::make_error_code(std::errc::no_such_file_or_directory);
      return unreadable(path, error);
    }
    if (fs::is_directory(status)) return directory(path);
    if (fs::is_regular_file(status)) return file(path);
    unreadable(path, "neither a file nor a directory");
  }

 private:
  void directory(const fs::path& path) {
    std::error_code error;
    std::vector<fs::directory_entry> entries;
    fs::directory_iterator entry{path, error};
    for (; !error && entry != fs::directory_iterator{}; entry.increment(error)) {
      entries.push_back(*entry);
    }
    if (error) unreadable(path, error);
    std::sort(entries.begin(), entries.end());
    for (const auto& each : entries) {
      const auto status = each.symlink_status(error);
      if (error) {
        unreadable(each.path(), error);
      } else if (fs::is_directory(status)) {
        directory(each.path());
      } else if (fs::is_regular_file(status)) {
        file(each.path());
      }
    }
  }

  void file(const fs::path& path) {
    std::error_code error;
    const std::uint64_t size = fs::file_size(path, error);
    if (error) return unreadable(path, error);
    found_.files.push_back({path.string(), size});
    found_.size_bytes += size;
  }

  void unreadable(const fs::path& path, const std::error_code& error) {
    unreadable(path, error.message());
  }
  void unreadable(const fs::path& path, const std::string& reason) {
    found_.unreadable.push_back(path.string() + ": " + reason);
  }

  listing& found_;
};

}  // namespace

listing list_files(std::span<const std::string> roots) {
  listing found;
  walk walk{found};
  for (const auto& root : roots) walk.root(root);
  return found;
}

std::uint64_t split_size_for(std::uint64_t total_bytes) {
  return std::clamp(total_bytes / splits_wanted, split_bytes_min, split_bytes_max);
}

}  // namespace wordcount
