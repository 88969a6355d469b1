#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace mobula::store {

/// A folder of a test's own, gone with it.
class scratch_folder {
 public:
  scratch_folder() {
    path_ = testing::TempDir() + "mobula_store_XXXXXX";
    if (!::mkdtemp(path_.data())) std::abort();
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  bool is_empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::string path_;
};

}  // namespace mobula::store
