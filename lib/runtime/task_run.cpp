#include "runtime/task_run.hpp"

#include <cxxabi.h>
#include <stdio_ext.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <mutex>
#include <utility>

#include "core/errors.hpp"
#include "core/invariant.hpp"
#include "mobula/errors.hpp"
#include "runtime/arrays.hpp"
#include "runtime/casts.hpp"
#include "runtime/errors.hpp"
#include "runtime/function_table.hpp"
#include "runtime/host_name.hpp"
#include "runtime/store_client.hpp"
#include "runtime/worker.hpp"
#include "wire/codec.hpp"

namespace mobula::detail {

bool task_run::start(core::attempt& what) {
  attempt_ = &what;
  what.context = this;
  caller_ = where_.caller_of(what);
  current_ = this;
  return switched(fiber_->start(&task_run::body, this));
}

bool task_run::resume() {
  current_ = this;
  return switched(fiber_->resume());
}

bool task_run::switched(bool ended) {
  current_ = nullptr;
  return ended;
}

void task_run::suspend_fiber() {
  decode_scope* scope = decode_scope::exchange(nullptr);
  fiber::fiber::suspend();
  decode_scope::exchange(scope);
}

void task_run::wait(core::awaiting what, std::uint64_t deadline_ns,
                    const std::function<bool()>& begin) {
  process& home = where_.home();
  {
    const std::lock_guard held{home.lock()};
    woken_ = false;
    failure_.clear();
    if (!begin()) return;
    what.limited = deadline_ns != process::never;
    if (what.limited) alarm_ = where_.set_alarm(deadline_ns, *this);
    where_.executor().suspend(*attempt_, what);
    home.flush();
  }
  suspend_fiber();
  if (!alarm_) return;
  const std::lock_guard held{home.lock()};
  where_.clear_alarm(*alarm_);
  alarm_.reset();
}

void task_run::wake() {
  if (!std::exchange(woken_, true)) where_.executor().wake(*attempt_);
}

void task_run::fail_wait(std::string why) {
  failure_ = std::move(why);
  wake();
}

void task_run::throw_if_failed() {
  if (!failure_.empty()) throw deadlock{std::exchange(failure_, {})};
}

void task_run::alarm() {
  alarm_.reset();
  wake();
}

void task_run::body(void* self) { static_cast<task_run*>(self)->run(); }

void task_run::run() {
  results_.clear();
  results_done_ = 0;
  open_result_.reset();
  status_ = wire::task_status::done;
  if (attempt_->kind == core::attempt_kind::destruction) {
    where_.instance().reset();
  } else {
    call();
  }
  finish();
  // One large task is no reason for each idle run to keep as much.
  if (results_.capacity() > results_kept_bytes_max) std::vector<std::byte>{}.swap(results_);
}

void task_run::call() {
  const wire::process_id here = where_.home().self();
  function_ = function_table::find(attempt_->push.function);
  if (!function_) {
    return fail(core::make_error(wire::error_code::internal, here,
                                 "no module of this process registered the remote function"));
  }
  if (attempt_->kind == core::attempt_kind::creation) where_.set_actor(attempt_->actor);
  try {
    const decode_scope from_submitter{adopted_};
    decode_arguments();
    function_->run(*this);
    end_result();
    // What a creation makes is the actor here; its result, the address, is written by the owner.
    const bool makes_results = attempt_->kind != core::attempt_kind::creation;
    core::invariant(!makes_results || results_done_ == attempt_->push.result_count,
                    "a thunk makes every result", results_done_);
    return;
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    thrown_ = std::current_exception();
  }
  const std::string_view name = attempt_->push.name.empty() ? function_->name : attempt_->push.name;
  fail(describe_error(std::exchange(thrown_, nullptr), name, here, host_name()));
}

void task_run::decode_arguments() {
  result_count_ = attempt_->push.result_count;
  for (const auto& stored : attempt_->stored)
    read_.push_back(where_.home().store().mapped(stored.place));
  wire::blob bytes = attempt_->push.arguments;
  if (const auto all = find(wire::resolved_argument::all_arguments)) bytes = all->bytes;
  values_.emplace(bytes);
  arguments_ = &*values_;
}

std::optional<task_run::given_value> task_run::find(std::uint32_t parameter) const {
  const auto& all = attempt_->resolved;
  const auto at = std::ranges::find(all, parameter, &wire::resolved_argument::parameter);
  if (at == all.end()) return std::nullopt;
  if (at->value.kind != wire::value_kind::stored)
    return given_value{at->object, at->value.bytes, nullptr};
  const auto& stored = attempt_->stored;
  const auto which = std::ranges::find(stored, static_cast<std::size_t>(at - all.begin()),
                                       &core::stored_argument::index) -
                     stored.begin();
  const auto n = static_cast<std::size_t>(which);
  return given_value{at->object, read_[n], &stored[n].place};
}

decoder* task_run::resolved(std::uint32_t parameter) {
  const auto given = find(parameter);
  if (!given) {
    decode_scope::current()->begin({}, nullptr);
    return nullptr;
  }
  decode_scope::current()->begin(given->object, given->place);
  resolved_.emplace(given->bytes);
  return &*resolved_;
}

encoder& task_run::result(std::uint32_t index) {
  end_result();
  open_result_ = index;
  return result_;
}

std::shared_ptr<void>& task_run::instance() { return where_.instance(); }

void task_run::end_result() {
  if (!open_result_) return;
  const std::uint32_t index = *open_result_;
  open_result_.reset();
  core::invariant(index == results_done_, "a thunk makes its results in order", index);
  ++results_done_;
  store_result(index);
  result_.clear();
}

void task_run::store_result(std::uint32_t index) {
  wire::value_view value;
  const bool is_array = result_.array() != nullptr;
  if (is_array || result_.size() > inline_bytes_max ||
      results_.size() + result_.size() > inline_results_bytes_max) {
    value.kind = wire::value_kind::stored;
    value.where =
        is_array ? array_rooms::give_away(*result_.array()) : where_.home().store().write(result_);
    stored_.emplace_back(index, value.where);
    const std::lock_guard held{where_.home().lock()};
    where_.home().store().made(wire::result_of(attempt_->push.task, index), value.where);
  } else {
    value.bytes = result_.bytes();
  }
  std::vector<wire::object_id> ids;
  if (!result_.refs().empty()) {
    for (const handle& ref : result_.refs()) {
      ids.push_back(record_of(ref.get()).id);
      inside_.push_back(ref);
    }
    value.contains = std::as_bytes(std::span{ids});
  }
  const std::size_t at = results_.size();
  results_.resize(at + wire::encoded_size(value));
  wire::writer room{results_.data() + at};
  wire::encode_part(room, value);
}

void task_run::fail(const wire::error_value& error) {
  open_result_.reset();
  result_.clear();
  results_.clear();
  status_ = wire::task_status::failed;
  const auto bytes = core::encoded(error);
  wire::value_view value;
  value.kind = wire::value_kind::failed;
  value.bytes = bytes;
  results_.resize(wire::encoded_size(value));
  wire::writer room{results_.data()};
  wire::encode_part(room, value);
}

// What came with the arguments and is still held: our borrowing is made known by the completion.
void task_run::list_held(std::vector<wire::object_id>& held) {
  for (core::object* one : adopted_) {
    const bool kept = one->counts.load(std::memory_order_relaxed) > 1;
    if (kept && where_.home().owner().objects().must_report(*one)) held.push_back(one->id);
  }
}

void task_run::finish() {
  values_.reset();
  resolved_.reset();
  read_.clear();
  // Out before anybody hears that the task has ended: the job may end then, and this process hard.
  if (::__fpending(stdout) != 0) std::fflush(stdout);
  process& home = where_.home();
  std::vector<wire::object_id> held_ids;
  const std::vector<handle> inside = std::exchange(inside_, {});  // let go without the lock
  // Before the owner hears where a result is, the scheduler must have heard that something is
  // there.
  if (!stored_.empty()) home.wait_until([&] { return !home.port().waits(home.scheduler()); });
  const std::lock_guard held{home.lock()};
  if (!adopted_.empty()) list_held(held_ids);
  core::outcome how;
  how.status = status_;
  how.result_count = attempt_->push.result_count;
  how.results = results_;
  how.held = std::as_bytes(std::span{held_ids});
  const wire::process_id owner = attempt_->owner;
  const wire::task_id task = attempt_->push.task;
  const bool done = status_ == wire::task_status::done;
  if (done) {
    for (const handle& ref : inside) home.owner().objects().share(record_of(ref.get()), owner);
  }
  where_.executor().finish(*attempt_, how);
  attempt_ = nullptr;
  function_ = nullptr;
  for (const auto& [index, where] : stored_) {
    const wire::object_id result = wire::result_of(task, index);
    if (!done) {
      // It failed after this result: nobody will hear of the block.
      wire::send(home.port(), home.scheduler(), wire::store_free{result, where});
    } else if (owner != home.self()) {
      home.seal_behind(owner, {result, where});
    }
  }
  stored_.clear();
  for (core::object* one : adopted_) home.owner().objects().drop(*one);
  adopted_.clear();
  home.flush();
  where_.shown().settle();
}

}  // namespace mobula::detail
