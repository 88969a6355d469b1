#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

struct object;
struct task;
class actor_client;

/// Waits for one object. Intrusive: the waiter stays where it is until it is told or withdrawn.
class waiter {
 public:
  waiter() = default;
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;
  bool waits() const { return waits_; }

 protected:
  ~waiter() = default;

 private:
  friend class waiter_list;
  /// The object is ready or failed. Called once, under the process's lock; may call the owner.
  virtual void on_ready(object& ready) = 0;
  waiter* next_ = nullptr;
  waiter* previous_ = nullptr;
  bool waits_ = false;
};

/// The waiters of one object, told in the order in which they came.
class waiter_list {
 public:
  bool empty() const { return first_ == nullptr; }
  void add(waiter& one);
  void remove(waiter& one);
  /// Tells each that is here, also those that the told ones add meanwhile.
  void tell(object& ready);

 private:
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
};

enum class object_state : std::uint8_t {
  pending,  // not made yet, or not known here
  inlined,  // bytes() is its value
  stored,   // where() tells where a copy is; its bytes come from a store
  failed,   // bytes() is an encoded error_value
};

/// The results of a task beyond the first, allocated together.
struct sibling_block {
  explicit sibling_block(std::uint32_t count);
  ~sibling_block();
  std::uint32_t count;
  std::uint32_t alive;
  std::unique_ptr<object[]> objects;
};

/// Where in this node's memory an object was said to be, and when: as in store_fetched.
struct memory_place {
  wire::location place;
  std::uint64_t as_of = 0;
};

/// What only some objects have.
struct object_extras {
  object_extras();
  ~object_extras();
  /// Owned: how often each process was added as a borrower less how often it left. Signed, since a
  /// release may overtake the add; no entry is 0.
  std::vector<std::pair<wire::process_id, std::int32_t>> borrowers;
  /// Owned, pending: processes to tell when it is ready.
  std::vector<wire::process_id> subscribers;
  /// Owned, stored: copies beside where(), next to be tried first.
  std::vector<wire::location> copies;
  /// So many of where() and `copies`, at the end of the line, could not be had by who asked.
  std::size_t doubted = 0;
  /// Owned: the refs inside the value, one count each.
  std::vector<object*> contains;
  /// Result 0 of a task with several.
  std::unique_ptr<sibling_block> siblings;
  /// An actor's handle that calls were made on from this process.
  std::unique_ptr<actor_client> client;
  /// Stored: what this node's scheduler has said last, where that is more than its location tells.
  std::optional<memory_place> here;
  /// Stored: why the last fetch of it to this node failed. Whoever reads it next is told; only then
  /// is it fetched anew. Kept until it is here: of several who hear of the failure, one may try
  /// again before the others have read it. Empty: it has not failed.
  std::vector<std::byte> fetch_error;
  bool fetch_error_told = false;
};

/// This process's record of one object: owned here, or borrowed from its owner.
///
/// `counts` may be raised and lowered by any thread that holds a count; only the step from 1 to 0,
/// and everything else, happens under the process's lock. `state` is published last, so that a
/// thread that sees a value's state sees the value without the lock.
struct object {
  static constexpr std::uint32_t here_max = 32;

  std::atomic<std::uint32_t> counts{0};
  std::atomic<object_state> state{object_state::pending};
  bool owned = false;
  bool subscribed = false;       // borrowed: object_subscribe was sent
  bool is_actor = false;         // owned: the handle of an actor made here
  bool doomed = false;           // in the list of those to be freed
  bool confirmed = false;        // borrowed: the owner has said that it counts us
  bool dead = false;             // owned, result 0: freed, kept for siblings that are alive
  bool in_use = false;           // owned, in the slab: not free for the next one
  std::uint32_t registered = 0;  // borrowed: how often the owner counts us. In the slab: see there
  std::uint32_t size_bytes = 0;  // of bytes()
  std::uint32_t job = 0;         // object_table's
  wire::object_id id;
  task* maker = nullptr;  // owned, pending: the task that makes it
  waiter_list waiters;
  std::unique_ptr<object_extras> extras;
  union {
    std::byte here[here_max];
    std::byte* heap;
    wire::location at;
  };

  object() : here{} {}
  object(const object&) = delete;
  object& operator=(const object&) = delete;
  ~object() { clear_value(); }

  bool ready() const { return state.load(std::memory_order_acquire) != object_state::pending; }
  /// Of an inlined or failed object.
  wire::blob bytes() const { return {size_bytes <= here_max ? here : heap, size_bytes}; }
  /// Of a stored one.
  const wire::location& where() const { return at; }
  object_extras& more() {
    if (!extras) extras = std::make_unique<object_extras>();
    return *extras;
  }

  /// Copies `value` and publishes the state.
  void set_bytes(object_state as, wire::blob value);
  void set_stored(const wire::location& where);
  /// Back to pending, the value's memory freed.
  void clear_value();
};

}  // namespace mobula::core
