#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/block_store.hpp"
#include "core/copy_search.hpp"
#include "core/copy_table.hpp"
#include "core/ended_processes.hpp"
#include "core/fetch.hpp"
#include "core/fetch_limits.hpp"
#include "core/fetch_queue.hpp"
#include "core/lender.hpp"
#include "core/remote_memory.hpp"
#include "core/room_line.hpp"
#include "wire/outbox.hpp"
#include "wire/reading_messages.hpp"

namespace mobula::core {

/// The objects that are being brought to this node.
///
/// An object is brought once, whoever asks meanwhile. One message asks the holder; a small object
/// is in the answer, a larger one is pinned there and read piece by piece, by RMA or by messages.
/// The pin goes back when nothing reads under it any more. A holder that has enough readers names
/// another node, which may still be reading itself.
///
/// If the holder fails, the locations that others named serve, from the missing pieces on; then
/// the object's owner is asked for more. Memory that RMA may still write into is kept until it does
/// not.
class fetch_table {
 public:
  /// @param nodes   of the job
  /// @param remote  null: the transport has no RMA
  /// @param pins    null: the node's processes read nothing in place
  fetch_table(wire::process_id self, std::uint32_t nodes, block_store& memory,
              remote_memory* remote, room_line& line, copy_table& copies, lender& lends,
              copy_search& searches, const local_pins* pins, const ended_processes& ended,
              wire::outbox& out, fetch_limits limits);

  /// Answers with store_fetched, now or when it is here.
  void ask(const fetch_asker& who, const wire::store_fetch& request);
  void on_pinned(wire::node_id from, const wire::store_pinned& answer);
  /// Part of a fetch, or the word that there is none.
  void on_part(wire::node_id from, const wire::store_part& part);
  void on_remote_read(std::uint64_t token, std::uint64_t offset, bool succeeded);
  /// Another node was told that this one will have the object: it gets its answer when that is so.
  /// False: it will not.
  bool wait_for(wire::node_id reader, const wire::store_pin& request);

  void on_process_ended(wire::process_id ended);
  void on_node_ended(wire::node_id node);
  /// Sends back the pins that are needed no more.
  void flush();

  std::size_t size() const { return fetches_.size() + draining_.size(); }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t bytes_in_flight() const { return queue_.bytes_in_flight(); }
  /// Through how many nodes, at most, an object came here until now: 1 is from where it was whole
  /// when it was asked for; each holder that referred on to one that had asked before adds one.
  std::uint64_t hops_max() const { return hops_max_; }

 private:
  /// A block that nobody wants any more, and that RMA may still write into.
  struct draining_block {
    wire::location where;
    wire::node_id holder = 0;
    std::vector<fetch_piece> asked;
  };

  void stand_in_line(fetch& one);
  void begin(wire::object_id object, const block_store::allocation& room);
  fetch* find(wire::node_id from, std::uint64_t token);
  bool may_act(const fetch& one) const;
  void make_hungry(fetch& one);
  void pump();
  void ask_holder(fetch& one);
  void ask_piece(fetch& one);
  void renew_token(fetch& one);
  void release_reserve(fetch& one);
  void take_whole(fetch& one, wire::blob bytes);
  void begin_reading(fetch& one, const wire::store_pinned& answer);
  void follow(fetch& one, const wire::store_pinned& answer);
  bool copy_in(fetch& one, std::uint64_t offset, wire::blob bytes);
  void arrived(fetch& one, std::vector<fetch_piece>::iterator piece);
  void source_failed(fetch& one, std::string_view why);
  void next_source(fetch& one, std::string_view why);
  void ask_source(fetch& one);
  void unpin(fetch& one);
  void refuse_readers(fetch& one);
  void complete(fetch& one);
  void lose(fetch& one, const wire::location& last, std::string_view why);
  void fail(fetch& one, const wire::error_value& error);
  void end(fetch& one, bool keep_block);
  void drained(std::map<std::uint64_t, draining_block>::iterator one, std::uint64_t offset);
  std::vector<fetch*> all();

  wire::process_id self_;
  std::uint32_t nodes_;
  block_store& memory_;
  remote_memory* remote_;
  room_line& line_;
  copy_table& copies_;
  lender& lends_;
  copy_search& searches_;
  const local_pins* pins_;
  const ended_processes& ended_;
  wire::outbox& out_;
  fetch_limits limits_;
  fetch_queue queue_;
  std::unordered_map<wire::object_id, fetch> fetches_;
  std::unordered_map<std::uint64_t, wire::object_id> by_token_;
  std::map<std::uint64_t, draining_block> draining_;  // by token
  std::map<wire::node_id, std::vector<std::uint64_t>> unpins_;
  std::uint64_t bytes_ = 0;
  std::uint64_t last_token_ = 0;
  std::uint64_t hops_max_ = 0;
};

}  // namespace mobula::core
