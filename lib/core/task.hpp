#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/object.hpp"
#include "wire/messages.hpp"

namespace mobula::core {

struct shape;
struct held_lease;

/// A parameter that is given as a ref.
struct parameter {
  std::uint32_t index = 0;  // or resolved_argument::all_arguments
  object* ref = nullptr;
};

/// What a caller asks for. The owner copies and counts what it needs.
struct task_spec {
  wire::function_id function;
  std::uint16_t flags = 0;
  std::uint32_t result_count = 1;
  std::uint32_t max_concurrency = 1;  // of a creation
  std::string_view name;
  wire::blob arguments;
  std::span<object* const> contains;  // refs inside `arguments`
  std::span<const parameter> refs;
};

/// Takes the word that an argument of a task is ready.
class argument_receiver {
 public:
  virtual void argument_ready(task& whose, object& ready) = 0;

 protected:
  ~argument_receiver() = default;
};

struct argument final : waiter {
  std::uint32_t parameter = 0;  // here: it fits behind what the waiter has
  task* whose = nullptr;
  object* ref = nullptr;

 private:
  void on_ready(object& ready) override;
};

/// What only some tasks have.
struct task_extras {
  std::string name;
  std::vector<object*> contains;      // refs inside the arguments
  std::uint32_t max_concurrency = 1;  // of a creation
};

/// A task or call that its owner has not seen end. One count on each ref in its arguments is its
/// own.
///
/// Ten million of them may wait: with its first result one takes less than 300 bytes, be it ready
/// or waiting for one argument (Owner.APendingTaskTakesLessThan300Bytes).
struct task {
  enum class kind : std::uint8_t { plain, creation, call };
  enum class phase : std::uint8_t { waiting, ready, pushed };

  kind what = kind::plain;
  phase where = phase::waiting;
  std::uint16_t flags = 0;
  std::uint32_t result_count = 1;
  std::uint32_t attempt = 0;
  std::uint32_t missing = 0;  // arguments that are not ready
  std::uint32_t argument_bytes = 0;
  std::uint16_t ref_count = 0;
  bool has_failed_argument = false;
  object* first = nullptr;      // result 0
  shape* demand = nullptr;      // none: a call
  held_lease* lease = nullptr;  // a pushed one's, unless it is a call
  task* next = nullptr;         // in the ready queue, the lease's or the client's list
  task* previous = nullptr;
  wire::function_id function;
  argument_receiver* receiver = nullptr;
  /// Its turn: of a call, its caller's; of a plain task, as it became ready; of a creation that
  /// waits for a lease, the number of its request.
  std::uint64_t number = 0;
  std::unique_ptr<task_extras> extras;

  task() : here_{} {}
  task(const task&) = delete;
  task& operator=(const task&) = delete;
  ~task() { forget_arguments(); }

  std::span<argument> refs() { return {reinterpret_cast<argument*>(block()), ref_count}; }
  std::span<const argument> refs() const { return const_cast<task*>(this)->refs(); }
  wire::blob arguments() const {
    return {const_cast<task*>(this)->block() + ref_count * sizeof(argument), argument_bytes};
  }
  /// Copies the bytes and makes an argument of each ref; nothing is counted here.
  void keep_arguments(wire::blob bytes, std::span<const parameter> given);
  void forget_arguments();
  wire::task_id id() const { return wire::maker_of(first->id); }
  std::string_view name() const { return extras ? std::string_view{extras->name} : ""; }
  std::span<object* const> contains() const {
    return extras ? std::span<object* const>{extras->contains} : std::span<object* const>{};
  }
  task_extras& more() {
    if (!extras) extras = std::make_unique<task_extras>();
    return *extras;
  }

 private:
  static constexpr std::size_t here_max = 72;
  std::size_t block_bytes() const { return ref_count * sizeof(argument) + argument_bytes; }
  std::byte* block() { return block_bytes() <= here_max ? here_ : heap_; }
  // First the refs, then the bytes.
  union {
    alignas(argument) std::byte here_[here_max];
    std::byte* heap_;
  };
};

/// A call of an actor's method.
struct call_task final : task {
  call_task() { what = kind::call; }
  object* actor = nullptr;
  wire::caller_id caller;
};

/// The call that a task is: anything else is a broken invariant.
call_task& as_call(task& one);
const call_task& as_call(const task& one);

/// Tasks in order, each in one list at most.
class task_list {
 public:
  bool empty() const { return first_ == nullptr; }
  task* front() const { return first_; }
  std::size_t size() const { return size_; }
  void push_back(task& one);
  /// Where its number says, in a list by number. It is looked for from `near` on, which is in the
  /// list; null: from the front.
  void insert(task& one, task* near);
  void remove(task& one);

 private:
  task* first_ = nullptr;
  task* last_ = nullptr;
  std::size_t size_ = 0;
};

/// Reuses the memory of ended tasks, and gives it back when many are unused.
class task_pool {
 public:
  task_pool() = default;
  task_pool(const task_pool&) = delete;
  task_pool& operator=(const task_pool&) = delete;
  ~task_pool();
  task& make(task::kind what);
  void recycle(task& ended);
  std::size_t live() const { return live_; }

 private:
  static constexpr std::size_t unused_max = 1024;
  struct unused_ones {
    task* first = nullptr;
    std::size_t count = 0;
  };
  unused_ones& like(task::kind what) { return what == task::kind::call ? calls_ : tasks_; }
  static void destroy(task& gone);

  unused_ones tasks_;
  unused_ones calls_;
  std::size_t live_ = 0;
};

}  // namespace mobula::core
