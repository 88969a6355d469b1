// Submitting tasks, creating actors, calling them.

#include <cmath>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "mobula/errors.hpp"
#include "mobula/options.hpp"
#include "runtime/casts.hpp"
#include "runtime/demands.hpp"
#include "runtime/function_table.hpp"
#include "runtime/process.hpp"
#include "runtime/refs_inside.hpp"
#include "runtime/store_client.hpp"
#include "runtime/task_run.hpp"

namespace mobula::detail {

namespace {

// A call as the owner takes it. Large arguments become an object of their own, which goes along as
// a ref.
class prepared_call {
 public:
  prepared_call(process& home, const call_request& call) : home_{home}, inside_{*call.arguments} {
    spec.function = function_table::id_of(call.run);
    spec.result_count = call.result_count;
    if (call.result_is_list) spec.flags |= wire::task_push::result_is_list;
    for (const parameter_ref& one : call.refs) {
      if (!one.ref) throw error{"an empty ref was given as an argument"};
      refs_.push_back({one.parameter, &home.record_here(one.ref)});
    }
    if (call.arguments->size() > inline_bytes_max) {
      large_ = handle{put(*call.arguments)};
      refs_.push_back({wire::resolved_argument::all_arguments, &record_of(large_.get())});
    } else {
      spec.arguments = call.arguments->bytes();
      spec.contains = inside_.records();
    }
    spec.refs = refs_;
  }

  // Under the lock.
  void take_results(core::object& first, object** results) const {
    for (std::uint32_t i = 0; i < spec.result_count; ++i)
      results[i] = opaque(home_.owner().objects().result(first, i));
  }

  core::task_spec spec;

 private:
  process& home_;
  refs_inside inside_;
  std::vector<core::parameter> refs_;
  handle large_;
};

// Submitting makes no progress by itself; a thread that does nothing else must, now and then.
void after_submission(process& home) {
  constexpr std::uint32_t submissions_between_polls = 8;
  thread_local std::uint32_t submissions = 0;
  if (++submissions % submissions_between_polls == 0) {
    home.progress();
  } else {
    home.port().flush();
  }
}

void check_room(process& home) {
  if (home.owner().too_many_waiting())
    throw too_many_pending{
        "too many tasks wait for their arguments: get or wait for some before submitting more"};
}

core::shape& shape_of(process& home, const core::demand_key& key) {
  const std::lock_guard held{home.lock()};
  return home.owner().shape_for(key);
}

std::uint32_t concurrency_of(const actor_options& options) {
  const double calls = options.max_concurrency.value_or(1);
  if (!(calls >= 1 && calls <= 1e6) || calls != std::floor(calls))
    throw std::invalid_argument{"max_concurrency is " + std::to_string(calls) +
                                ": give a whole number of calls from 1 to 1000000"};
  return static_cast<std::uint32_t>(calls);
}

wire::caller_id this_caller(process& home) {
  if (const task_run* run = task_run::current()) return run->caller();
  // Each thread of the driver is a caller of its own.
  static std::atomic<std::uint64_t> threads{0};
  thread_local const std::uint64_t number = threads.fetch_add(1) + 2;
  return {home.self(), number};
}

}  // namespace

void submit(const call_request& call, const task_options* options, object** results) {
  process& home = process::require();
  core::shape& demand = options ? shape_of(home, demand_of(*options)) : home.default_shape();
  prepared_call prepared{home, call};
  if (options) prepared.spec.name = options->name;
  {
    const std::lock_guard held{home.lock()};
    check_room(home);
    prepared.take_results(home.owner().submit(prepared.spec, demand), results);
    after_submission(home);
  }
  home.rest();
}

object* create_actor(const call_request& call, const actor_options& options) {
  process& home = process::require();
  core::shape& demand = shape_of(home, demand_of(options));
  prepared_call prepared{home, call};
  prepared.spec.max_concurrency = concurrency_of(options);
  object* made = nullptr;
  {
    const std::lock_guard held{home.lock()};
    check_room(home);
    prepared.take_results(home.owner().create_actor(prepared.spec, demand), &made);
    after_submission(home);
  }
  home.rest();
  return made;
}

void call_actor(object* actor, const call_request& call, const call_options* options,
                object** results) {
  process& home = process::require();
  core::object& called = home.record_here(actor);
  prepared_call prepared{home, call};
  if (options) prepared.spec.name = options->name;
  const wire::caller_id caller = this_caller(home);
  {
    const std::lock_guard held{home.lock()};
    check_room(home);
    prepared.take_results(home.owner().call_actor(called, caller, prepared.spec), results);
    after_submission(home);
  }
  home.rest();
}

}  // namespace mobula::detail
