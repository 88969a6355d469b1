#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/spilling.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/reading_messages.hpp"

namespace mobula::core {

/// Lets other nodes read copies of this node that are on disk: straight from there, part by part,
/// without bringing them into its memory.
class disk_lender {
 public:
  /// @param whole_bytes  objects up to this size are sent in the answer
  /// @param part_bytes   more is never sent at once
  disk_lender(spilling& places, wire::outbox& out, std::uint64_t whole_bytes,
              std::uint32_t part_bytes)
      : places_{places}, out_{out}, whole_bytes_{whole_bytes}, part_bytes_{part_bytes} {}

  /// Answers store_pin, now or when it has been read. The copy has a range.
  void grant(wire::node_id reader, std::uint64_t token, const copy& one);
  /// False: there is no such pin here.
  bool on_read(wire::node_id reader, const wire::store_read& request);
  void unpin(wire::node_id reader, std::uint64_t token);
  void on_node_ended(wire::node_id node);
  /// A read that was begun here has ended.
  void on_disk(std::uint64_t token, bool succeeded);

  std::size_t pins() const { return pins_.size(); }
  /// How often a node was let read here until now.
  std::uint64_t reads() const { return reads_; }

 private:
  using reader_pin = std::pair<wire::node_id, std::uint64_t>;
  struct pinned_range {
    spill_disk::range range = 0;
    std::uint64_t size_bytes = 0;
  };
  struct reading {
    reader_pin whose;
    spill_disk::range range = 0;
    bool whole = false;
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
  };
  void read(reading one, std::uint64_t size_bytes);

  spilling& places_;
  wire::outbox& out_;
  std::uint64_t whole_bytes_;
  std::uint32_t part_bytes_;
  std::uint64_t reads_ = 0;
  std::map<reader_pin, pinned_range> pins_;
  std::unordered_map<std::uint64_t, reading> readings_;  // by the disk's token
};

}  // namespace mobula::core
