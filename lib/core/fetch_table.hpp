#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/block_store.hpp"
#include "core/copy_table.hpp"
#include "wire/outbox.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

struct fetch_limits {
  std::uint32_t part_bytes = 256 * 1024;
  /// Parts that are asked for and not here yet: of one object, from one node, and in all. So a
  /// holder's transport never keeps more than `parts_a_holder` for each node that reads from it.
  std::uint32_t parts_a_fetch = 4;
  std::uint32_t parts_a_holder = 8;
  std::uint32_t parts_in_all = 64;
};

/// The objects that are being brought to this node, part by part.
///
/// An object is brought once, whoever asks meanwhile. The reader asks for each part; the holder
/// checks the location and answers at once, or says that it has the object no more. It keeps
/// nothing about readers, so neither a reader's death nor a free in between leaves anything there:
/// a free comes only when nobody who may read is left. (A read over RMA will need a pin.)
///
/// If the holder fails, the locations that others named serve, from the next missing part on.
class fetch_table {
 public:
  fetch_table(wire::process_id self, block_store& memory, copy_table& copies, wire::outbox& out,
              fetch_limits limits);

  struct asker {
    wire::process_id process;
    std::uint64_t token = 0;
  };
  /// Answers with store_fetched, now or when it is here.
  void ask(const asker& who, wire::object_id object, const wire::location& from);
  /// Part of a fetch, or the word that there is none.
  void on_part(wire::process_id from, const wire::store_part& part);

  void on_process_ended(wire::process_id ended);
  void on_node_ended(wire::node_id node);

  std::size_t size() const { return fetches_.size(); }
  std::uint64_t bytes() const { return bytes_; }
  std::uint32_t parts_in_flight() const { return parts_in_flight_; }

 private:
  struct fetch {
    wire::object_id object;
    wire::location where;                 // the block here that it fills
    std::vector<wire::location> sources;  // the first is read from; others stand by
    std::vector<asker> askers;
    std::uint64_t token = 0;  // a new one for each source: late parts find nothing
    std::uint64_t received_bytes = 0;
    std::uint64_t next_offset = 0;       // from here on nothing was asked for yet
    std::vector<std::uint64_t> missing;  // before it: asked of a source that failed
    std::vector<std::uint64_t> asked;
    bool hungry = false;  // stands in its holder's queue
  };
  /// A node that is read from, or was.
  struct holder {
    std::uint32_t parts_in_flight = 0;
    std::deque<std::uint64_t> hungry;  // tokens of fetches that can ask for a part
    bool queued = false;               // stands in `turn_`
  };

  std::uint64_t part_size(const fetch& one, std::uint64_t offset) const;
  bool has_more(const fetch& one) const;
  bool may_ask(const fetch& one) const;
  void make_hungry(fetch& one);
  void queue(wire::node_id node, holder& one);
  void pump();
  void ask_part(fetch& one, holder& from);
  void forget_asked(fetch& one, std::size_t count);
  void take_back(fetch& one);
  void source_failed(fetch& one, std::string_view why);
  void complete(fetch& one);
  void fail(fetch& one, const wire::error_value& error);
  void end(fetch& one, bool keep_block);
  std::vector<fetch*> all();

  wire::process_id self_;
  block_store& memory_;
  copy_table& copies_;
  wire::outbox& out_;
  fetch_limits limits_;
  std::unordered_map<wire::object_id, fetch> fetches_;
  std::unordered_map<std::uint64_t, wire::object_id> by_token_;
  std::map<wire::node_id, holder> holders_;
  std::deque<wire::node_id> turn_;  // holders that can be asked for a part, one each a turn
  std::uint32_t parts_in_flight_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t last_token_ = 0;
};

/// The answer to a store_fetch that can't be served.
void refuse_fetch(wire::outbox& out, const fetch_table::asker& who, const wire::error_value& error);

}  // namespace mobula::core
