#include "transport/ring/message_queue.hpp"

#include <algorithm>
#include <utility>

namespace mobula::ring {

std::byte* message_queue::begin(std::size_t size, bool forwarded) {
  const std::size_t stored = stored_bytes(size);
  if (chunks_.empty() || chunks_.back().capacity - chunks_.back().written < stored) {
    if (spare_.capacity >= stored) {
      chunks_.push_back(std::exchange(spare_, chunk{}));
    } else {
      const std::size_t capacity = std::max(chunk_bytes, stored);
      chunks_.push_back({std::make_unique_for_overwrite<std::byte[]>(capacity), capacity});
    }
  }
  chunk& last = chunks_.back();
  std::byte* const room = last.memory.get() + last.written;
  const prefix before{size, forwarded};
  std::memcpy(room, &before, sizeof before);
  pending_ = size;
  return room + sizeof before;
}

void message_queue::commit() {
  chunks_.back().written += stored_bytes(pending_);
  bytes_ += pending_;
  ++count_;
}

void message_queue::pop() {
  chunk& first = chunks_.front();
  const std::size_t size = static_cast<std::size_t>(front_prefix().size);
  first.read += stored_bytes(size);
  bytes_ -= size;
  --count_;
  if (first.read != first.written) return;
  first.read = first.written = 0;
  // One chunk of the usual size is kept for the next time, and no more.
  if (first.capacity == chunk_bytes && spare_.capacity == 0) spare_ = std::move(first);
  chunks_.pop_front();
}

}  // namespace mobula::ring
