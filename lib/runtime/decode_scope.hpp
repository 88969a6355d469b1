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
  explicit decode_scope(core::object& container) : container_{&container} { enter(); }
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
  /// From arguments: what is read next is the value of that object; of none: an argument that was
  /// given as a value.
  void begin(wire::object_id argument) { argument_ = argument; }
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
  decode_scope* outer_ = nullptr;
  static thread_local decode_scope* current_;
};

inline thread_local decode_scope* decode_scope::current_ = nullptr;

}  // namespace mobula::detail
