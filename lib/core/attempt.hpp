#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "wire/ids.hpp"
#include "wire/messages.hpp"

namespace mobula::core {

struct lease_slot;
class hosted_actor;

enum class attempt_kind : std::uint8_t {
  task,
  creation,     // makes an actor's instance
  call,         // of the actor `actor`
  destruction,  // the actor has ended: drop its instance. Nothing is pushed, nobody is answered
};

/// fetching -> queued -> running <-> suspended -> resumable -> running -> ended.
enum class attempt_state : std::uint8_t {
  fetching,  // arguments are brought to this node
  queued,    // may begin when its lease's slot is free
  running,   // has the slot
  suspended,
  resumable,  // what it waited for is there; it needs the slot
  ended,
};

/// Lists what an attempt waits for, where keeping the list would cost more than the wait.
class awaited_list {
 public:
  virtual void list(std::vector<wire::object_id>& into) const = 0;

 protected:
  ~awaited_list() = default;
};

/// What an attempt waits for.
struct awaiting {
  std::span<const wire::object_id> objects = {};
  std::size_t needed = 0;              // of them; all: what makes them may begin on top
  bool limited = false;                // it goes on by itself after some time
  const awaited_list* list = nullptr;  // instead of `objects`; lives as long as the wait
};

/// An argument that lies in the store of this node, or is brought there.
struct stored_argument {
  std::size_t index = 0;    // in attempt::resolved
  bool here = false;        // `place` is known
  wire::location place;     // where its bytes are, as of then, or for as long as it is pinned
  std::uint64_t as_of = 0;  // as in store_fetched
  std::optional<std::uint32_t> pin;
};

/// One push of a task or call to this worker. The executor makes and ends them; whoever runs it
/// reads the first part, and may keep something of its own in `context`.
struct attempt {
  attempt_kind kind = attempt_kind::task;
  attempt_state state = attempt_state::queued;
  std::uint32_t slot = 0;    // in the task board, from the begin to the end
  wire::process_id owner;    // who pushed it and gets the answer
  wire::task_push push;      // points into a copy of the message that lasts as long as this
  wire::object_id actor;     // of a creation, call or destruction
  wire::caller_id caller;    // of a call
  std::uint64_t number = 0;  // of a call
  void* context = nullptr;   // the runtime's; null when it begins
  std::vector<wire::resolved_argument> resolved;  // push.resolved, decoded
  /// Those of them that are stored: pinned on this node from the begin to the end.
  std::vector<stored_argument> stored;

  // The executor's own from here on.
  lease_slot* lease = nullptr;
  hosted_actor* host = nullptr;
  attempt* next = nullptr;
  attempt* previous = nullptr;
  std::uint32_t fetches_left = 0;
  bool hurried = false;    // these are urgent
  bool returning = false;  // its arguments were here, and are brought back and pinned one by one
  bool run_here = false;   // pushed by run_here_source: may begin on top
  bool limited = false;    // as in `awaiting`, of its last wait, with what follows
  const awaited_list* list = nullptr;
  std::size_t needed = 0;
  std::vector<wire::object_id> awaited;
  std::size_t asked = 0;                      // awaited before this: need not be run here
  std::uint64_t wait = 0;                     // the number of its last wait in this process
  std::uint64_t looked = 0;                   // the deadlock_finder's last look at it
  std::vector<wire::task_id> awaited_sorted;  // made when first asked for
  std::unique_ptr<std::byte[]> message;
  std::size_t message_capacity = 0;

  /// Whether what it waits for may begin on top of it. Who waits for some of many may be helped by
  /// none of those that could begin.
  bool lets_begin() const { return needed == awaited.size(); }
};

/// Attempts in order. Intrusive: an attempt is in at most one list.
class attempt_list {
 public:
  bool empty() const { return first_ == nullptr; }
  std::size_t size() const { return size_; }
  attempt* front() const { return first_; }
  attempt* back() const { return last_; }
  void push_front(attempt& one) {
    one.next = first_;
    one.previous = nullptr;
    (first_ ? first_->previous : last_) = &one;
    first_ = &one;
    ++size_;
  }
  void push_back(attempt& one) {
    one.previous = last_;
    one.next = nullptr;
    (last_ ? last_->next : first_) = &one;
    last_ = &one;
    ++size_;
  }
  void remove(attempt& one) {
    (one.previous ? one.previous->next : first_) = one.next;
    (one.next ? one.next->previous : last_) = one.previous;
    one.next = one.previous = nullptr;
    --size_;
  }
  attempt* pop_front() {
    attempt* one = first_;
    if (one) remove(*one);
    return one;
  }

 private:
  attempt* first_ = nullptr;
  attempt* last_ = nullptr;
  std::size_t size_ = 0;
};

/// Attempts and the memory of their messages, reused.
class attempt_pool {
 public:
  /// @returns an attempt that holds a copy of `message`; everything else in it is as new
  attempt& take(wire::blob message);
  void give_back(attempt& one);
  std::size_t in_use() const { return all_.size() - free_.size(); }

 private:
  /// Larger messages are not kept for reuse.
  static constexpr std::size_t kept_message_bytes_max = 4096;
  std::deque<attempt> all_;
  std::vector<attempt*> free_;
};

}  // namespace mobula::core
