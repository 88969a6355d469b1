#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/attempt.hpp"
#include "core/executor.hpp"
#include "fiber/fiber.hpp"
#include "mobula/detail/backend.hpp"
#include "runtime/decode_scope.hpp"
#include "runtime/store_client.hpp"

namespace mobula::detail {

class worker;
struct function_entry;

/// One attempt of a task or call, run on a fiber: decodes its arguments, calls the function,
/// encodes what came of it. Reused for one attempt after the other.
class task_run final : public invocation {
 public:
  task_run(worker& where, std::unique_ptr<fiber::fiber> on)
      : where_{where}, fiber_{std::move(on)} {}
  virtual ~task_run() = default;
  task_run(const task_run&) = delete;
  task_run& operator=(const task_run&) = delete;

  /// The one that the calling code is part of; null outside of tasks.
  static task_run* current() noexcept { return current_; }

  /// Runs it until it ends or waits. @returns whether it has ended
  bool start(core::attempt& what);
  bool resume();

  /// From the task itself, without the lock: gives the thread to others until somebody calls `wake`
  /// or `fail_wait` or the deadline. `begin` is called under the lock; false: there is nothing to
  /// wait for.
  void wait(core::awaiting what, std::uint64_t deadline_ns, const std::function<bool()>& begin);
  /// Under the lock: the wait can never end.
  void fail_wait(std::string why);
  /// To be called after a wait that did not bring what it was for. @throws deadlock after fail_wait
  void throw_if_failed();
  /// Under the lock. More than once does no harm.
  void wake();
  /// The deadline has come, and its alarm is gone; under the lock.
  void alarm();

  core::attempt& what() const { return *attempt_; }
  wire::caller_id caller() const { return caller_; }
  const function_entry* function() const { return function_; }

  decoder* resolved(std::uint32_t parameter) override;
  encoder& result(std::uint32_t index) override;
  void end_result() override;
  std::shared_ptr<void>& instance() override;

 private:
  static void body(void* self);
  void run();
  void call();
  void decode_arguments();
  /// An argument that was given as a ref.
  struct given_value {
    wire::object_id object;
    wire::blob bytes;
    const wire::location* place = nullptr;  // in this node's store; null: in no store
  };
  std::optional<given_value> find(std::uint32_t parameter) const;
  void store_result(std::uint32_t index);
  void fail(const wire::error_value& error);
  void finish();
  void list_held(std::vector<wire::object_id>& held);
  bool switched(bool ended);
  static void suspend_fiber();

  worker& where_;
  std::unique_ptr<fiber::fiber> fiber_;
  core::attempt* attempt_ = nullptr;
  const function_entry* function_ = nullptr;
  wire::caller_id caller_;
  std::vector<core::object*> adopted_;            // by decoding the arguments; one count each
  std::vector<std::span<const std::byte>> read_;  // as attempt::stored, which pins them
  std::optional<decoder> values_;
  std::optional<decoder> resolved_;
  std::optional<std::uint32_t> open_result_;
  std::uint32_t results_done_ = 0;
  encoder result_;
  std::vector<std::byte> results_;
  std::vector<handle> inside_;                                    // the refs in the results
  std::vector<std::pair<std::uint32_t, wire::location>> stored_;  // results that are in the store
  wire::task_status status_ = wire::task_status::done;
  std::exception_ptr thrown_;
  bool woken_ = false;
  std::string failure_;  // of the last wait
  std::optional<std::multimap<std::uint64_t, task_run*>::iterator> alarm_;

  static constexpr std::size_t results_kept_bytes_max = std::size_t{1} << 20;
  static thread_local task_run* current_;
};

inline thread_local task_run* task_run::current_ = nullptr;

}  // namespace mobula::detail
