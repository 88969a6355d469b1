#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>

#include "wire/bytes.hpp"

namespace mobula::ring {

/// Messages that wait, in order, in chunks of memory that are used again. For those that find no
/// room in a ring, and those to oneself.
class message_queue {
 public:
  /// Room for one message, which is there after `commit`.
  std::byte* begin(std::size_t size, bool forwarded);
  void commit();

  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return bytes_; }
  /// Of the message committed last.
  std::size_t last_bytes() const { return pending_; }

  /// The oldest message. Stays where it is while others are added.
  wire::blob front() const { return {chunks_.front().at() + sizeof(prefix), front_prefix().size}; }
  bool front_forwarded() const { return front_prefix().forwarded; }
  void pop();

 private:
  static constexpr std::size_t chunk_bytes = std::size_t{64} << 10;

  struct alignas(16) prefix {
    std::uint64_t size;
    bool forwarded;
  };
  struct chunk {
    std::unique_ptr<std::byte[]> memory;
    std::size_t capacity = 0;
    std::size_t read = 0;
    std::size_t written = 0;
    std::byte* at() const { return memory.get() + read; }
  };

  prefix front_prefix() const {
    prefix before;
    std::memcpy(&before, chunks_.front().at(), sizeof before);
    return before;
  }
  static std::size_t stored_bytes(std::size_t size) {
    return sizeof(prefix) + ((size + 15) & ~std::size_t{15});
  }

  std::deque<chunk> chunks_;
  chunk spare_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t pending_ = 0;
};

}  // namespace mobula::ring
