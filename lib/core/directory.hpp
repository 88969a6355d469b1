#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/block_store.hpp"
#include "core/copy_returns.hpp"
#include "core/copy_search.hpp"
#include "core/copy_table.hpp"
#include "core/disk_lender.hpp"
#include "core/ended_processes.hpp"
#include "core/evictor.hpp"
#include "core/fetch_table.hpp"
#include "core/kept_blocks.hpp"
#include "core/lender.hpp"
#include "core/pin_table.hpp"
#include "core/remote_memory.hpp"
#include "core/room_line.hpp"
#include "core/room_table.hpp"
#include "core/spilling.hpp"
#include "wire/bytes.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/reading_messages.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// What a node knows of the objects in its store: gives its processes room for new ones, brings
/// those of other nodes here, serves other nodes, frees. One in each scheduler process, as a state
/// machine. Everything that it waits for comes, or its sender's end does; time passes only for
/// those who wait for memory.
///
/// Processes hold rooms, and say which objects they put there. What makers promise: store_made
/// before they tell an object's owner where it is, store_sealed (or store_free, if nobody will hear
/// of it) after that; each room given back, or they end. What owners promise: store_free for each
/// copy that they were told of; an answer to store_orphan only after they have heard all that the
/// dead maker had sent them.
///
/// What others say of an object may come here before its maker's store_made: it was sent later, but
/// on another way. So what is said of a place in a room where no object is known yet waits until
/// the room's holder has answered a question, or ended: by then its store_made is here.
class directory {
 public:
  struct limits {
    fetch_limits fetch;
    room_line_limits line;
    evictor_limits evictor;
  };
  /// What it works with. All of it outlives the directory.
  struct parts {
    block_store& memory;
    wire::outbox& out;
    remote_memory* remote = nullptr;  // null: the transport has no RMA
    local_pins* pins = nullptr;       // of the node's processes; null: they read nothing in place
    spill_disk* disk = nullptr;       // null: there is no spilling
  };

  /// @param nodes   of the job: what is said to lie beyond them is lost at once
  directory(wire::node_id node, std::uint32_t nodes, const parts& with, const limits& named);
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;

  /// True if the message's type was one of the directory's. What can't be decoded is dropped.
  bool on_message(wire::process_id from, wire::blob message);
  /// A process of any node has ended for certain, and everything it sent has been handed in. A
  /// scheduler's end is its node's: all processes there have ended too.
  void on_process_ended(wire::process_id ended);
  /// A read that was started through remote_memory has ended.
  void on_remote_read(std::uint64_t token, std::uint64_t offset, bool succeeded) {
    fetches_.on_remote_read(token, offset, succeeded);
  }
  /// What was begun on the spill_disk has ended. @param failure  in words; empty: well
  void on_disk(std::uint64_t token, const std::string& failure);
  void tick(std::uint64_t now_ns);
  /// When tick is wanted next; UINT64_MAX: never.
  std::uint64_t next_deadline_ns() const { return line_.next_deadline_ns(); }
  /// Serves who waits for memory, and sends what was gathered to travel together. After each turn
  /// of whoever hands messages in.
  void flush();

  /// Releases what ended owners have left and nobody reads any more. Happens by itself when memory
  /// is wanted.
  void let_go() { kept_.let_go(); }

  /// Copies that are here whole, in memory or on disk.
  std::size_t copies() const { return copies_.size(); }
  /// Objects that are being brought here.
  std::size_t fetches() const { return fetches_.size(); }
  /// Of memory, by both together, by what is unused in the rooms that processes hold, and by what
  /// was freed and is still read.
  std::uint64_t bytes_in_use() const {
    return places_.bytes_in_memory() + places_.bytes_ending() + fetches_.bytes() +
           rooms_.unused_bytes() + pins_.bytes_kept() + kept_.bytes_kept();
  }
  /// Of these, what objects take, whole or being made.
  std::uint64_t bytes_used() const { return bytes_in_use() - rooms_.free_in_slabs_bytes(); }
  /// Of copies that are on disk alone.
  std::uint64_t bytes_on_disk() const { return places_.bytes_on_disk(); }
  std::uint64_t bytes_in_flight() const { return fetches_.bytes_in_flight(); }
  /// By which other nodes hold what is here.
  std::size_t pins() const { return pins_.pins() + disk_lends_.pins(); }
  /// Since the start: how often other nodes were let read what is here, and see fetch_table.
  std::uint64_t reads() const { return lends_.reads() + disk_lends_.reads(); }
  std::uint64_t hops_max() const { return fetches_.hops_max(); }

  /// Why there is no spilling, for who gets no memory. Empty: there is.
  std::string no_disk;
  /// Told in words when tasks that could begin wait long for memory.
  std::function<void(const std::string&)> on_long_wait;

 private:
  void on_allocate(wire::process_id from, const wire::store_allocate& request);
  void on_made(wire::process_id from, const wire::store_made& told);
  void on_reply(wire::process_id from, const wire::store_reply& answer);
  void on_free(wire::process_id from, wire::blob message);
  void on_fetch(wire::process_id from, wire::blob message);
  void fetch(const fetch_asker& who, const wire::store_fetch& request);
  void on_pin(wire::process_id from, wire::blob message);
  void lend(wire::node_id reader, const wire::store_pin& request, copy& held);
  void on_keep(wire::process_id from, const wire::store_keep& told);
  void free(copy& gone);
  void on_gone(copy& gone);
  bool memory_may_come();
  void on_nodes_message(wire::node_id from, wire::blob message);
  bool defer(wire::process_id from, wire::blob message, wire::object_id object,
             const wire::location& where, std::uint32_t tries = 0);
  void handle_deferred(wire::process_id holder, std::uint64_t token);

  wire::process_id self_;
  std::uint32_t nodes_;
  remote_memory* remote_;
  wire::outbox& out_;
  ended_processes ended_;
  // From the store up: what is released goes down through them.
  room_table rooms_;
  kept_blocks kept_;
  pin_table pins_;
  spilling places_;
  copy_table copies_;
  evictor evictor_;
  room_line line_;
  copy_search searches_;
  copy_returns returns_;
  lender lends_;
  disk_lender disk_lends_;
  fetch_table fetches_;
  struct deferred {
    wire::process_id holder;
    wire::process_id from;
    std::vector<std::byte> message;
    std::uint32_t tries = 0;  // of a fetch: fetch_asker::tries
  };
  std::map<std::uint64_t, deferred> deferred_;  // by the token of the question to the holder
  std::uint64_t last_token_ = room_line::token;
  std::uint64_t now_ns_ = 0;
  std::uint64_t let_go_at_ns_ = 0;
  std::uint32_t tries_ = 0;  // of what is being handled
  bool settled_ = false;     // what is being handled was deferred, and is not again
};

}  // namespace mobula::core
