#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/memory_block_store.hpp"
#include "core/remote_memory.hpp"

namespace mobula::core {

/// RMA between memory_block_stores. Reads end when the test says so: half of the bytes are written
/// when one is begun, the rest when it ends. Fails the test if either memory is not what it should
/// be: there not exposed, here not the block that was to be filled.
class memory_of_others final : public remote_memory {
 public:
  /// The RMA of another node, null if it is gone.
  using finder = std::function<memory_of_others*(wire::node_id)>;

  memory_of_others(wire::node_id self, memory_block_store& memory, finder others)
      : self_{self}, memory_{memory}, others_{std::move(others)} {}

  std::optional<exposure> expose(const wire::location& block, wire::node_id reader) override {
    if (refuses && refuses()) return std::nullopt;
    ++exposed_[block];
    key_ = "key of " + std::to_string(self_) + " for " + std::to_string(reader);
    return exposure{block.offset, 100U + reader, wire::as_blob(key_)};
  }
  void conceal(const wire::location& block) override {
    const auto at = exposed_.find(block);
    ASSERT_TRUE(at != exposed_.end()) << "concealed more often than exposed";
    if (--at->second == 0) exposed_.erase(at);
  }
  bool start(const read& how) override {
    if (refuses && refuses()) return false;
    const std::string expected =
        "key of " + std::to_string(how.from) + " for " + std::to_string(self_);
    EXPECT_EQ(wire::as_text(how.key_bytes), expected);
    EXPECT_EQ(how.key, 100U + self_);
    begun_.push_back(how);
    copy(how, 0, how.size_bytes / 2);
    return true;
  }
  std::vector<revoked_key> take_revoked() override { return std::exchange(revoked, {}); }
  void forget_key(wire::node_id holder, std::uint64_t key) override {
    forgotten.emplace_back(holder, key);
  }

  std::size_t begun() const { return begun_.size(); }
  const read& begun(std::size_t which) const { return begun_[which]; }
  std::size_t exposed() const { return exposed_.size(); }
  /// Ends that one. @return it, and whether it succeeded: not if its holder is gone
  std::pair<read, bool> finish(std::size_t which) {
    const read done = begun_[which];
    begun_.erase(begun_.begin() + static_cast<std::ptrdiff_t>(which));
    return {done, copy(done, done.size_bytes / 2, done.size_bytes)};
  }

  /// Ends that one. @return whether it succeeded
  bool finish(std::uint64_t token, std::uint64_t offset) {
    for (std::size_t i = 0; i < begun_.size(); ++i)
      if (begun_[i].token == token && begun_[i].offset == offset) return finish(i).second;
    ADD_FAILURE() << "no such read was begun";
    return false;
  }

  std::function<bool()> refuses;
  std::vector<revoked_key> revoked;
  std::vector<std::pair<wire::node_id, std::uint64_t>> forgotten;

 private:
  bool copy(const read& how, std::size_t from, std::size_t to) {
    const auto room = memory_.bytes(how.into);
    if (!room) {
      ADD_FAILURE() << "it is written into memory that was released";
      return false;
    }
    memory_of_others* holder = others_(how.from);
    if (!holder) return false;
    EXPECT_TRUE(holder->shows(how.address, how.size_bytes)) << "it is read without a pin";
    const auto there = holder->memory_.at(how.address + from, to - from);
    if (!there.empty()) std::memcpy(room->data() + how.offset + from, there.data(), there.size());
    return true;
  }
  bool shows(std::uint64_t address, std::size_t size_bytes) const {
    for (const auto& [block, times] : exposed_) {
      if (block.offset <= address && address + size_bytes <= block.offset + block.size_bytes)
        return true;
    }
    return false;
  }

  wire::node_id self_;
  memory_block_store& memory_;
  finder others_;
  std::string key_;
  std::map<wire::location, int> exposed_;
  std::vector<read> begun_;
};

}  // namespace mobula::core
