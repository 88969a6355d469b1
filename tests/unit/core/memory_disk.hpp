#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/spill_disk.hpp"

namespace mobula::core {

/// A disk in ordinary memory. Jobs end when the test says so: half of the bytes move when one is
/// begun, the rest when it ends, so that memory that does not stay what it was is seen.
class memory_disk final : public spill_disk {
 public:
  static constexpr std::byte poison{0xdd};

  explicit memory_disk(std::uint64_t quota_bytes) : quota_{quota_bytes} {}

  std::optional<range> take(std::uint64_t size_bytes) override {
    if (used_ + size_bytes > quota_) return std::nullopt;
    used_ += size_bytes;
    ranges_.emplace(++last_, std::vector<std::byte>(size_bytes, poison));
    return last_;
  }
  void give_back(range gone) override {
    const auto at = ranges_.find(gone);
    ASSERT_TRUE(at != ranges_.end()) << "a range is given back twice";
    for (const job& one : begun_) EXPECT_NE(one.where, gone) << "a range in use is given back";
    used_ -= at->second.size();
    ranges_.erase(at);
  }
  void write(std::uint64_t token, range into, std::span<const std::byte> from) override {
    begun_.push_back({token, into, 0, {}, from});
    move(begun_.back(), 0, from.size() / 2);
  }
  void read(std::uint64_t token, range from, std::uint64_t offset,
            std::span<std::byte> into) override {
    begun_.push_back({token, from, offset, into, {}});
    move(begun_.back(), 0, into.size() / 2);
  }
  std::string full() const override { return "the disk is full"; }

  std::size_t begun() const { return begun_.size(); }
  /// Ends that one. @return its token
  std::uint64_t finish(std::size_t which, bool succeeds = true) {
    const job done = begun_[which];
    begun_.erase(begun_.begin() + static_cast<std::ptrdiff_t>(which));
    const std::size_t size = done.from.size() + done.into.size();
    if (succeeds) move(done, size / 2, size);
    return done.token;
  }
  /// Ends the one with that token.
  void finish_token(std::uint64_t token, bool succeeds = true) {
    const auto at = std::ranges::find(begun_, token, &job::token);
    ASSERT_TRUE(at != begun_.end());
    finish(static_cast<std::size_t>(at - begun_.begin()), succeeds);
  }
  std::size_t ranges() const { return ranges_.size(); }

 private:
  struct job {
    std::uint64_t token = 0;
    range where = 0;
    std::uint64_t offset = 0;
    std::span<std::byte> into;
    std::span<const std::byte> from;
  };
  void move(const job& one, std::size_t begin, std::size_t end) {
    const auto at = ranges_.find(one.where);
    ASSERT_TRUE(at != ranges_.end()) << "a range is used that is nobody's";
    const auto there = at->second.begin() + static_cast<std::ptrdiff_t>(one.offset + begin);
    const auto size = static_cast<std::ptrdiff_t>(end - begin);
    if (one.into.empty()) {
      std::copy_n(one.from.begin() + static_cast<std::ptrdiff_t>(begin), size, there);
    } else {
      std::copy_n(there, size, one.into.begin() + static_cast<std::ptrdiff_t>(begin));
    }
  }

  std::uint64_t quota_;
  std::uint64_t used_ = 0;
  range last_ = 0;
  std::map<range, std::vector<std::byte>> ranges_;
  std::vector<job> begun_;
};

}  // namespace mobula::core
