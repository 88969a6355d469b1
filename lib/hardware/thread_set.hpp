#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mobula::hardware {

/// A set of hardware threads, by the kernel's numbers (it calls them cpus). No limit on how many a
/// machine has.
class thread_set {
 public:
  thread_set() = default;
  /// 0 to count-1.
  static thread_set first(std::uint32_t count);
  /// From the kernel's notation, "0-3,8"; nothing if it is not that.
  static std::optional<thread_set> parse(std::string_view text);
  /// Where the calling thread may run.
  static thread_set of_this_thread();

  /// Binds the calling thread. @returns whether the kernel agreed
  bool bind_this_thread() const;

  void add(std::uint32_t thread);
  bool contains(std::uint32_t thread) const;
  bool empty() const { return count() == 0; }
  std::uint32_t count() const;
  bool overlaps(const thread_set& other) const;
  /// In ascending order.
  std::vector<std::uint32_t> list() const;
  /// In the kernel's notation.
  std::string text() const;

  thread_set& operator|=(const thread_set& other);
  thread_set& operator&=(const thread_set& other);
  /// Takes those out.
  thread_set& operator-=(const thread_set& other);
  bool operator==(const thread_set& other) const = default;

 private:
  // 64 cores a word; the last word is never zero, so that equal sets are equal.
  void trim();
  std::vector<std::uint64_t> words_;
};

}  // namespace mobula::hardware
