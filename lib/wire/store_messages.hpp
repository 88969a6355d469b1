#pragma once

#include <cstdint>

#include "wire/messages.hpp"

// Values over the inline limit: between processes, the store of their node, and those of others.

namespace mobula::wire {

/// Process to its node's scheduler: a room in the node's store, which the process holds from the
/// grant on: of `size_bytes` for one object, or of more, up to `slab_bytes`, for many.
struct store_allocate {
  static constexpr auto type = message_type::store_allocate;
  std::uint64_t token = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t slab_bytes = 0;
  wire::numa_node numa_node = any_numa_node;  // next to which it is wanted
  std::uint64_t deadline_ns = 0;              // refused then, if there is no room; 0: as usual
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.size_bytes);
    visit(self.slab_bytes);
    visit(self.numa_node);
    visit(self.deadline_ns);
  }
};

/// The answer. `error` is empty, or an encoded error_value.
struct store_grant {
  static constexpr auto type = message_type::store_grant;
  std::uint64_t token = 0;
  location where;
  blob error;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.where);
    visit(self.error);
  }
};

/// Owner to the scheduler of a node that holds a copy: nobody holds the object any more.
struct store_free {
  static constexpr auto type = message_type::store_free;
  object_id object;
  location where;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.where);
  }
};

/// What a fetch is for, the most urgent first: a lease is waiting, or user code is, or nobody yet.
enum class fetch_urgency : std::uint8_t { argument = 1, get = 2, prefetch = 3 };
constexpr bool is_known(fetch_urgency it) {
  return it >= fetch_urgency::argument && it <= fetch_urgency::prefetch;
}

/// Process to its node's scheduler: bring the object into this node's memory, from `from` or
/// another holder, or from this node's disk.
struct store_fetch {
  static constexpr auto type = message_type::store_fetch;
  std::uint64_t token = 0;
  object_id object;
  location from;
  fetch_urgency urgency = fetch_urgency::get;
  wire::numa_node numa_node = any_numa_node;  // next to which it is wanted
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.object);
    visit(self.from);
    visit(self.urgency);
    visit(self.numa_node);
  }
};

/// The answer. `error` is empty, or an encoded error_value.
struct store_fetched {
  static constexpr auto type = message_type::store_fetched;
  std::uint64_t token = 0;
  location where;  // names this node's copy, for the copy's life
  location place;  // its bytes are there now, unless blocks have been moved
  /// How often the scheduler had looked at what is read here, in order to move it or use its memory
  /// again, when this was true. Whoever has pinned the place and sees that number still reads the
  /// right bytes; otherwise it asks again.
  std::uint64_t as_of = 0;
  blob error;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.where);
    visit(self.place);
    visit(self.as_of);
    visit(self.error);
  }
};

/// Holder of a room to its node's scheduler: `object` lies there now, whole, and will not change.
/// Sent before its owner is told where it is.
struct store_made {
  static constexpr auto type = message_type::store_made;
  object_id object;
  location where;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.where);
  }
};

/// Maker of a value in the store to its node's scheduler: its owner has been told where it is: sent
/// after that message. A maker that owns the object need not say it.
struct store_sealed {
  static constexpr auto type = message_type::store_sealed;
  object_id object;
  location where;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.where);
  }
};

/// Scheduler to owner: the maker of this copy has ended without having sealed it. If you have heard
/// of it, from the maker, keep it and don't answer; otherwise answer store_free. Read all that the
/// maker has sent before.
struct store_orphan {
  static constexpr auto type = message_type::store_orphan;
  object_id object;
  location where;
  process_id maker;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.where);
    visit(self.maker);
  }
};

/// Holder of a room to its node's scheduler: nothing lies in it; here it is back.
struct store_return {
  static constexpr auto type = message_type::store_return;
  location where;
  static void fields(auto& visit, auto& self) { visit(self.where); }
};

/// Scheduler to the holder of a slab: the object that lay there is gone; use the memory again.
struct store_freed {
  static constexpr auto type = message_type::store_freed;
  location where;
  static void fields(auto& visit, auto& self) { visit(self.where); }
};

/// Scheduler to the holder of a room: answer behind all that you have sent. `give_back`: after
/// returning the rooms in which nothing lies.
struct store_query {
  static constexpr auto type = message_type::store_query;
  std::uint64_t token = 0;
  bool give_back = false;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.give_back);
  }
};

/// The answer.
struct store_reply {
  static constexpr auto type = message_type::store_reply;
  std::uint64_t token = 0;
  static void fields(auto& visit, auto& self) { visit(self.token); }
};

/// Scheduler to owner: this node is short of memory and would drop its copy, which came from
/// another. Answered by store_free, if the object is no more or has another copy, which the owner
/// relies on from then on; otherwise by store_keep.
struct store_offer {
  static constexpr auto type = message_type::store_offer;
  object_id object;
  location where;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.where);
  }
};

/// Owner to scheduler: there is no other copy.
struct store_keep {
  static constexpr auto type = message_type::store_keep;
  object_id object;
  location where;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.where);
  }
};

/// Scheduler to owner: this node holds a copy too. Answered by store_free if the object is no more.
struct replica_add {
  static constexpr auto type = message_type::replica_add;
  object_id object;
  location where;
  static void fields(auto& visit, auto& self) {
    visit(self.object);
    visit(self.where);
  }
};

}  // namespace mobula::wire
