#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mobula::launch {

/// A set of cores, by the kernel's numbers. No limit on how many a machine has.
class core_set {
 public:
  core_set() = default;
  /// Cores 0 to count-1.
  static core_set first(std::uint32_t count);
  /// From the kernel's notation, "0-3,8"; nothing if it is not that.
  static std::optional<core_set> parse(std::string_view text);
  /// Where the calling thread may run.
  static core_set of_this_thread();

  /// Binds the calling thread. @returns whether the kernel agreed
  bool bind_this_thread() const;

  void add(std::uint32_t core);
  bool contains(std::uint32_t core) const;
  bool empty() const { return count() == 0; }
  std::uint32_t count() const;
  bool overlaps(const core_set& other) const;
  /// In ascending order.
  std::vector<std::uint32_t> list() const;
  /// In the kernel's notation.
  std::string text() const;

  core_set& operator|=(const core_set& other);
  core_set& operator&=(const core_set& other);
  bool operator==(const core_set& other) const = default;

 private:
  // 64 cores a word; the last word is never zero, so that equal sets are equal.
  void trim();
  std::vector<std::uint64_t> words_;
};

}  // namespace mobula::launch
