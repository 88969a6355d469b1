#pragma once

#include <vector>

#include "core/object.hpp"
#include "mobula/detail/backend.hpp"

namespace mobula::detail {

/// Says where the value comes from that the calling thread decodes, and with it what keeps the
/// refs inside it alive until their owners know of us.
///
/// From arguments: the submitter holds them until the task ends; they are listed in `adopted`, one
/// count each. From an object: that is held until each ref's owner has answered.
class decode_scope {
 public:
  explicit decode_scope(std::vector<core::object*>& adopted) : adopted_{&adopted} { enter(); }
  /// @param block        where its value lies in this node's store; null: in messages
  /// @param deadline_ns  for what the decoding waits for
  decode_scope(core::object& container, const wire::location* block, std::uint64_t deadline_ns)
      : container_{&container}, block_{block}, deadline_ns_{deadline_ns} {
    enter();
  }
  ~decode_scope() { current_ = outer_; }
  decode_scope(const decode_scope&) = delete;
  decode_scope& operator=(const decode_scope&) = delete;

  /// Null where nothing of Mobula's is being decoded.
  static decode_scope* current() { return current_; }
  /// For a fiber that goes off its thread in the midst of decoding, and comes back.
  static decode_scope* exchange(decode_scope* other) {
    decode_scope* mine = current_;
    current_ = other;
    return mine;
  }

  std::vector<core::object*>* adopted() const { return adopted_; }
  core::object* container() const { return container_; }
  /// From arguments: what is read next is the value of that object, which lies in `block`; of none:
  /// an argument that was given as a value.
  void begin(wire::object_id argument, const wire::location* block) {
    argument_ = argument;
    block_ = block;
  }
  /// Where in this node's store the value lies that is being decoded; null: in messages.
  const wire::location* block() const { return block_; }
  std::uint64_t deadline_ns() const { return deadline_ns_; }
  /// One more count of the object whose value is being decoded; empty: it is of none.
  handle object() const;

 private:
  void enter() {
    outer_ = current_;
    current_ = this;
  }
  std::vector<core::object*>* adopted_ = nullptr;
  core::object* container_ = nullptr;
  wire::object_id argument_;
  const wire::location* block_ = nullptr;
  std::uint64_t deadline_ns_ = never;
  decode_scope* outer_ = nullptr;
  static thread_local decode_scope* current_;
};

inline thread_local decode_scope* decode_scope::current_ = nullptr;

}  // namespace mobula::detail
