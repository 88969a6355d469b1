#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/fetch_asker.hpp"
#include "wire/ids.hpp"
#include "wire/reading_messages.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// A stretch of an object.
struct fetch_piece {
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
};

/// An object that is being brought to this node.
///
///     in_line --there is memory for it--> to_ask
///     to_ask --its turn--> asked --whole--> here
///                            --pinned--> reading --the last piece came--> here
///                            --elsewhere--> to_ask, of that node
///     asked, reading --failed--> (draining, while RMA still writes here) --> to_ask, or failed
struct fetch {
  enum class phase : std::uint8_t { in_line, to_ask, asked, reading, draining };

  wire::object_id object;
  wire::location where;  // the block here that it fills; in_line: its size alone
  phase now = phase::in_line;
  std::uint64_t in_line = 0;  // its number there
  bool is_to_begin = true;    // only tasks that have not begun want it
  wire::fetch_urgency urgency = wire::fetch_urgency::prefetch;
  wire::numa_node numa_node = wire::any_numa_node;  // of who asked first
  std::vector<fetch_asker> askers;
  std::vector<wire::location> sources;  // the first is in use; others stand by
  std::uint64_t token = 0;              // a new one for each question: late answers find nothing
  bool hungry = false;                  // stands in the queue

  // Who is asked or read from: the node of the first source, or one that it referred us to.
  wire::node_id holder = 0;
  wire::pin_way way = wire::pin_way::located;
  std::uint32_t level = 1;           // store_pin::level
  std::uint64_t reserved_bytes = 0;  // of the budget, for an answer that may hold the object
  bool pinned = false;
  bool by_rma = false;
  bool stalled = false;         // RMA takes no more of it until a piece has come
  wire::remote_segment memory;  // there; its key is in `key_bytes`
  std::vector<std::byte> key_bytes;
  std::string failure;  // draining: of the source

  std::uint64_t received_bytes = 0;
  std::uint64_t next_offset = 0;     // from here on nothing was asked for yet
  std::vector<fetch_piece> missing;  // before it: asked of a source that failed
  std::vector<fetch_piece> asked;

  /// Nodes that were told to wait here for the object.
  struct waiting_reader {
    wire::node_id node = 0;
    std::uint64_t token = 0;
  };
  std::vector<waiting_reader> readers;

  bool is_referred() const { return way == wire::pin_way::referred; }
  bool has_more() const { return !missing.empty() || next_offset < where.size_bytes; }
  /// The next stretch to be asked for. There is one.
  fetch_piece next_piece(std::uint64_t size_max);
  void ask_again() {
    missing.insert(missing.end(), asked.begin(), asked.end());
    asked.clear();
  }
  void begin_with_source() {
    holder = sources.front().node;
    level = 1;
  }
};

}  // namespace mobula::core
