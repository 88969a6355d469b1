#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace mobula::wire {

/// Bytes that belong to somebody else, for the time of a call.
using blob = std::span<const std::byte>;

inline blob as_blob(std::string_view text) { return std::as_bytes(std::span{text}); }
inline std::string_view as_text(blob bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Writes a message into room whose size was counted before. Running past its end is a broken
/// invariant of ours, not bad input: it is checked by whoever made the room, with `written()`.
class writer {
 public:
  explicit writer(std::byte* room) : begin_{room}, at_{room} {}

  template <class T>
  void number(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void raw(blob bytes) {
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  std::size_t written() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  std::byte* begin_;
  std::byte* at_;
};

/// Reads a message that came from elsewhere. Every read is checked; after the first that does not
/// fit, everything reads as zero or empty, and `failed()` says so.
class reader {
 public:
  explicit reader(blob bytes) : rest_{bytes} {}

  template <class T>
  T number() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (rest_.size() < sizeof value) {
      fail();
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_ = rest_.subspan(sizeof value);
    return value;
  }
  blob raw(std::size_t size) {
    if (rest_.size() < size) {
      fail();
      return {};
    }
    const blob taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  blob rest() const { return rest_; }
  bool failed() const { return failed_; }
  /// Everything was there, and nothing more.
  bool finished() const { return !failed_ && rest_.empty(); }
  void fail() {
    failed_ = true;
    rest_ = {};
  }

 private:
  blob rest_;
  bool failed_ = false;
};

}  // namespace mobula::wire
