#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
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
  task* whose = nullptr;
  std::uint32_t parameter = 0;
  object* ref = nullptr;

 private:
  void on_ready(object& ready) override;
};

/// A task or call that its owner has not seen end. One count on each ref in its arguments is its
/// own.
struct task {
  enum class kind : std::uint8_t { plain, creation, call };
  enum class phase : std::uint8_t { waiting, ready, pushed };

  kind what = kind::plain;
  phase where = phase::waiting;
  std::uint16_t flags = 0;
  std::uint32_t result_count = 1;
  std::uint32_t max_concurrency = 1;
  std::uint32_t attempt = 0;
  std::uint32_t missing = 0;  // arguments that are not ready
  object* first = nullptr;    // result 0
  shape* demand = nullptr;
  held_lease* lease = nullptr;
  task* next = nullptr;  // in the ready queue, the lease's or the client's list
  task* previous = nullptr;
  wire::function_id function;
  argument_receiver* receiver = nullptr;
  std::uint32_t argument_bytes = 0;
  std::uint32_t ref_count = 0;
  std::unique_ptr<argument[]> refs;
  std::vector<object*> contains;
  std::string name;
  object* actor = nullptr;  // of a call
  wire::caller_id caller;
  std::uint64_t number = 0;   // its turn: of a call, its caller's; else, as it became ready
  std::uint64_t request = 0;  // of a creation: its lease request
  object* failed_argument = nullptr;

  wire::blob arguments() const {
    return {argument_bytes <= here_max ? here_ : heap_.get(), argument_bytes};
  }
  void keep_arguments(wire::blob bytes);
  wire::task_id id() const { return wire::maker_of(first->id); }

 private:
  static constexpr std::uint32_t here_max = 64;
  std::byte here_[here_max];
  std::unique_ptr<std::byte[]> heap_;
};

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
  task& make();
  void recycle(task& ended);
  std::size_t live() const { return live_; }

 private:
  static constexpr std::size_t unused_max = 1024;
  task* unused_ = nullptr;
  std::size_t unused_count_ = 0;
  std::size_t live_ = 0;
};

}  // namespace mobula::core
