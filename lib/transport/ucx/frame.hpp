#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

// What one active message between two nodes carries: a header, then any number of records.

namespace mobula::ucx {

enum class frame_kind : std::uint16_t {
  records = 1,
  /// The sender's last frame on this link.
  goodbye = 2,
  /// Reserved: schedulers that watch each other will send these, numbered as all others.
  heartbeat = 3,
};

/// Travels as the header of each active message.
struct frame_header {
  std::uint64_t job_token = 0;
  /// Counts the frames of one direction of a link from 0. A rendezvous is overtaken by eager frames
  /// sent after it; the receiver puts them back in order by this.
  std::uint64_t sequence = 0;
  wire::node_id from = 0;
  frame_kind kind = frame_kind::records;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(frame_header) == 24);

/// Stands before each message in a frame.
struct record_header {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint64_t size_bytes = 0;
};
static_assert(sizeof(record_header) == 24);

/// A frame's bytes, while it is filled, sent or put together. UCX uses them until the operation
/// ends, so a frame stays where it is.
struct frame {
  explicit frame(std::size_t room) : bytes{new std::byte[room]}, capacity{room} {}

  std::byte* end() { return bytes.get() + used; }
  std::size_t room() const { return capacity - used; }
  wire::blob content() const { return {bytes.get(), used}; }

  frame_header header;
  std::unique_ptr<std::byte[]> bytes;
  std::size_t capacity;
  std::size_t used = 0;
  /// The link that an operation in flight belongs to.
  void* link = nullptr;
};
using frame_ptr = std::unique_ptr<frame>;

/// Keeps frames for their next use: a fresh large block costs more in page faults than its bytes
/// cost to send.
class frame_pool {
 public:
  frame_pool(std::size_t batch_bytes, std::size_t kept_bytes_max)
      : batch_bytes_{batch_bytes}, kept_bytes_max_{kept_bytes_max} {}

  /// An empty frame with room for `size` bytes, and for a whole batch at least.
  frame_ptr take(std::size_t size) {
    if (size <= batch_bytes_) return take_from(small_, batch_bytes_);
    // A block up to twice too large will do; a larger one is kept for what needs it.
    for (auto kept = large_.begin(); kept != large_.end(); ++kept) {
      if ((*kept)->capacity < size || (*kept)->capacity / 2 > size) continue;
      std::swap(*kept, large_.back());
      return take_from(large_, size);
    }
    return std::make_unique<frame>(size);
  }

  void give(frame_ptr used) {
    const std::size_t size = used->capacity;
    if (kept_bytes_ + size > kept_bytes_max_) return;
    kept_bytes_ += size;
    (size <= batch_bytes_ ? small_ : large_).push_back(std::move(used));
  }

 private:
  frame_ptr take_from(std::vector<frame_ptr>& kept, std::size_t size) {
    if (kept.empty()) return std::make_unique<frame>(size);
    frame_ptr taken = std::move(kept.back());
    kept.pop_back();
    kept_bytes_ -= taken->capacity;
    taken->used = 0;
    taken->header = {};
    return taken;
  }

  std::size_t batch_bytes_;
  std::size_t kept_bytes_max_;
  std::size_t kept_bytes_ = 0;
  std::vector<frame_ptr> small_;
  std::vector<frame_ptr> large_;
};

/// Calls `one(from, to, message)` for each record, as long as they are well-formed and it returns
/// true.
/// @return whether all of it was
template <class One>
bool each_record(wire::blob content, One&& one) {
  wire::reader rest{content};
  while (!rest.finished()) {
    const auto head = rest.number<record_header>();
    const wire::blob message = rest.raw(head.size_bytes);
    if (rest.failed()) return false;
    if (!one(wire::process_id::from_bits(head.from), wire::process_id::from_bits(head.to), message))
      return false;
  }
  return true;
}

}  // namespace mobula::ucx
