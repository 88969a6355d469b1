#pragma once

#include <cstdint>
#include <vector>

#include "wire/store_messages.hpp"

// How one node's scheduler reads objects that another node's store holds.

namespace mobula::wire {

/// How a reader came to ask this holder.
enum class pin_way : std::uint8_t {
  located = 1,    // `where` names a copy here
  referred = 2,   // another holder said that this node has the object, or will have it
  insisting = 3,  // as located; the node that it was referred to has it not
};
constexpr bool is_known(pin_way it) { return it >= pin_way::located && it <= pin_way::insisting; }

/// Scheduler to scheduler: I want to read this object of yours. Answered by store_pinned, at once
/// or when the object is there.
struct store_pin {
  static constexpr auto type = message_type::store_pin;
  std::uint64_t token = 0;  // names the pin, together with the reader's node
  object_id object;
  location where;  // referred: of the copy that it began from; its size counts
  pin_way way = pin_way::located;
  /// How many nodes that may still be reading are between the asker and a whole copy, itself
  /// included. A node waits only for those of a lower level, so that none wait for each other.
  std::uint32_t level = 1;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.object);
    visit(self.where);
    visit(self.way);
    visit(self.level);
  }
};

enum class pin_answer : std::uint8_t {
  gone = 1,         // it is not here (any more)
  elsewhere = 2,    // ask `node`: it has it, or is about to
  whole = 3,        // the object is in this answer, and no pin was taken
  by_messages = 4,  // pinned; ask for parts
  by_rma = 5,       // pinned; its segments can be read, or its parts asked for
};
constexpr bool is_known(pin_answer it) {
  return it >= pin_answer::gone && it <= pin_answer::by_rma;
}

/// Memory of another node that a pin lets one read. Part of a message.
struct remote_segment {
  std::uint64_t address = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t key = 0;  // names the transport's key; never used again for another
  blob key_bytes;         // the transport's key
  static void fields(auto& visit, auto& self) {
    visit(self.address);
    visit(self.size_bytes);
    visit(self.key);
    visit(self.key_bytes);
  }
};

/// The answer. The object's memory stays what it is until the pin is back.
struct store_pinned {
  static constexpr auto type = message_type::store_pinned;
  std::uint64_t token = 0;
  pin_answer answer = pin_answer::gone;
  node_id node = 0;
  std::uint32_t level = 0;  // of `node`
  std::vector<remote_segment> segments;
  blob bytes;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.answer);
    visit(self.node);
    visit(self.level);
    visit(self.segments);
    visit(self.bytes);
  }
};

/// Scheduler to scheduler: these pins of mine are back; nothing of mine reads there any more.
struct store_unpin {
  static constexpr auto type = message_type::store_unpin;
  std::vector<std::uint64_t> tokens;
  static void fields(auto& visit, auto& self) { visit(self.tokens); }
};

/// Scheduler to scheduler: these keys, which came with pins that are back, open nothing any more.
struct key_revoke {
  static constexpr auto type = message_type::key_revoke;
  std::vector<std::uint64_t> keys;
  static void fields(auto& visit, auto& self) { visit(self.keys); }
};

/// Scheduler to scheduler: send me this part of what I have pinned. The reader asks for part after
/// part, a bounded number at once.
struct store_read {
  static constexpr auto type = message_type::store_read;
  std::uint64_t token = 0;
  std::uint64_t offset = 0;
  std::uint32_t size_bytes = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.offset);
    visit(self.size_bytes);
  }
};

/// Scheduler to scheduler: the part. `gone`: there is no such pin, or no such part.
struct store_part {
  static constexpr auto type = message_type::store_part;
  std::uint64_t token = 0;
  std::uint64_t offset = 0;
  bool gone = false;
  blob bytes;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.offset);
    visit(self.gone);
    visit(self.bytes);
  }
};

}  // namespace mobula::wire
