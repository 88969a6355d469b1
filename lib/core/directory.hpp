#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "core/block_store.hpp"
#include "core/copy_table.hpp"
#include "core/ended_processes.hpp"
#include "core/fetch_table.hpp"
#include "core/kept_blocks.hpp"
#include "core/lender.hpp"
#include "core/pin_table.hpp"
#include "core/remote_memory.hpp"
#include "core/room_requests.hpp"
#include "core/room_table.hpp"
#include "wire/bytes.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/reading_messages.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// What a node knows of the objects in its store: gives its processes room for new ones, brings
/// those of other nodes here, serves other nodes, frees. One in each scheduler process, as a state
/// machine: needs no tick, since everything it waits for comes, or its sender's end does.
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
  };

  /// @param nodes   of the job: what is said to lie beyond them is lost at once
  /// @param remote  null: the transport has no RMA
  /// @param pins    of the processes of the node; null: they read nothing in place
  directory(wire::node_id node, std::uint32_t nodes, block_store& memory, remote_memory* remote,
            local_pins* pins, wire::outbox& out, limits named);
  directory(wire::node_id node, std::uint32_t nodes, block_store& memory, remote_memory* remote,
            local_pins* pins, wire::outbox& out)
      : directory(node, nodes, memory, remote, pins, out, limits{}) {}
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
  /// Sends what was gathered to travel together. After each turn of whoever hands messages in.
  void flush() { fetches_.flush(); }

  /// Copies that are here whole, or being made by a process of this node.
  std::size_t copies() const { return copies_.size(); }
  /// Objects that are being brought here.
  std::size_t fetches() const { return fetches_.size(); }
  /// Of both together, of what is unused in the rooms that processes hold, and of what was freed
  /// and is still read.
  std::uint64_t bytes_in_use() const {
    return copies_.bytes() + fetches_.bytes() + rooms_.unused_bytes() + pins_.bytes_kept() +
           kept_.bytes_kept();
  }
  /// Of these, what objects take, whole or being made.
  std::uint64_t bytes_used() const { return bytes_in_use() - rooms_.free_in_slabs_bytes(); }
  std::uint64_t bytes_in_flight() const { return fetches_.bytes_in_flight(); }
  /// By which other nodes hold what is here.
  std::size_t pins() const { return pins_.pins(); }

 private:
  void on_allocate(wire::process_id from, const wire::store_allocate& request);
  void on_made(wire::process_id from, const wire::store_made& told);
  void on_reply(wire::process_id from, const wire::store_reply& answer);
  void on_free(wire::process_id from, wire::blob message);
  void on_fetch(wire::process_id from, wire::blob message);
  void on_pin(wire::process_id from, wire::blob message);
  void on_nodes_message(wire::node_id from, wire::blob message);
  bool defer(wire::process_id from, wire::blob message, wire::object_id object,
             const wire::location& where);
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
  room_requests room_requests_;
  copy_table copies_;
  lender lends_;
  fetch_table fetches_;
  struct deferred {
    wire::process_id holder;
    wire::process_id from;
    std::vector<std::byte> message;
  };
  std::map<std::uint64_t, deferred> deferred_;  // by the token of the question to the holder
  std::uint64_t last_token_ = room_requests::token;
  bool settled_ = false;  // what is being handled was deferred, and is not again
};

}  // namespace mobula::core
