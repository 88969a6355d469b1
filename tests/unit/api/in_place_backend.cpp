#include "api/in_place_backend.hpp"

#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "mobula/errors.hpp"
#include "runtime/errors.hpp"

namespace mobula::detail {

struct object {
  std::size_t counts = 1;
  std::uint64_t number = 0;
  bool is_ready = false;
  std::vector<std::byte> bytes;
  std::vector<handle> inside;
  std::shared_ptr<wire::error_value> failure;
  std::shared_ptr<void> instance;
};

namespace {

in_place::last_request last_request;
std::uint64_t numbers_given = 0;

// Made on first use: functions are registered before main.
std::map<thunk, std::string>& functions() {
  static std::map<thunk, std::string> all;
  return all;
}
std::map<std::uint64_t, object*>& alive() {
  static std::map<std::uint64_t, object*> all;
  return all;
}

object* make_object() {
  auto* made = new object;
  made->number = ++numbers_given;
  alive()[made->number] = made;
  return made;
}

void fill(object& made, encoder& value) {
  made.bytes.assign(value.bytes().begin(), value.bytes().end());
  made.inside.assign(value.refs().begin(), value.refs().end());
  made.is_ready = true;
}

class run_in_place final : public invocation {
 public:
  run_in_place(const call_request& call, std::shared_ptr<void>& instance)
      : bytes_{call.arguments->bytes()}, results_(call.result_count), instance_{instance} {
    arguments_ = &bytes_;
    result_count_ = call.result_count;
    for (const auto& each : call.refs) values_.try_emplace(each.parameter, each.ref->bytes);
  }
  decoder* resolved(std::uint32_t parameter) override {
    const auto found = values_.find(parameter);
    return found == values_.end() ? nullptr : &found->second;
  }
  encoder& result(std::uint32_t index) override {
    end_result();
    return *(open_ = &results_.at(index));
  }
  // As a process does: what the result was written from may change from now on.
  void end_result() override {
    if (open_) static_cast<void>(std::exchange(open_, nullptr)->bytes());
  }
  std::shared_ptr<void>& instance() override { return instance_; }

 private:
  decoder bytes_;
  std::map<std::uint32_t, decoder> values_;
  std::vector<encoder> results_;
  encoder* open_ = nullptr;
  std::shared_ptr<void>& instance_;
};

void run(const call_request& call, std::shared_ptr<void>& instance, object** results) {
  last_request.function = functions().at(call.run);
  last_request.ref_count = call.refs.size();
  last_request.argument_bytes = call.arguments->bytes().size();
  last_request.result_count = call.result_count;
  last_request.result_is_list = call.result_is_list;
  for (std::uint32_t i = 0; i < call.result_count; ++i) results[i] = make_object();
  const auto fail = [&](std::shared_ptr<wire::error_value> failure) {
    for (std::uint32_t i = 0; i < call.result_count; ++i) {
      results[i]->failure = failure;
      results[i]->is_ready = true;
    }
  };
  for (const auto& each : call.refs) {
    if (each.ref->failure) return fail(each.ref->failure);
    if (!each.ref->is_ready) throw error("the backend of tests runs a task only at once");
  }
  run_in_place invocation{call, instance};
  try {
    call.run(invocation);
    invocation.end_result();
    for (std::uint32_t i = 0; i < call.result_count; ++i) fill(*results[i], invocation.result(i));
  } catch (...) {
    fail(std::make_shared<wire::error_value>(describe_error(
        std::current_exception(), last_request.function, wire::process_id{2, 7}, "testhost")));
  }
}

}  // namespace

void retain(object* record) noexcept { ++record->counts; }
void release(object* record) noexcept {
  if (--record->counts != 0) return;
  alive().erase(record->number);
  delete record;
}
identity identity_of(const object* record) noexcept { return {1, record->number}; }

void encoder::ref(const handle& ref) {
  number(ref.get()->number);
  refs_.push_back(ref);
}
handle decoder::ref() {
  object* record = alive().at(number<std::uint64_t>());
  retain(record);
  return handle{record};
}

bool register_function(thunk run, std::string_view name) noexcept {
  functions()[run] = name;
  return true;
}
bool register_worker_start(void (*hook)(int, char**)) noexcept {
  hook(0, nullptr);
  return true;
}

void submit(const call_request& call, const task_options* options, object** results) {
  std::shared_ptr<void> none;
  last_request.had_options = options != nullptr;
  if (options) last_request.task = *options;
  run(call, none, results);
}
object* create_actor(const call_request& call, const actor_options& options) {
  last_request.actor = options;
  std::shared_ptr<void> instance;
  object* made = nullptr;
  run(call, instance, &made);
  made->instance = std::move(instance);
  return made;
}
void call_actor(object* actor, const call_request& call, const call_options* options,
                object** results) {
  last_request.had_options = options != nullptr;
  if (options) last_request.call = *options;
  run(call, actor->instance, results);
}
object* put(encoder& value, std::uint64_t) {
  handle made{make_object()};
  fill(*made.get(), value);
  return made.take();
}

void await(object* record, std::uint64_t) {
  if (!record->is_ready) throw timed_out("not ready");
}
void await_all(std::span<object* const> records, std::uint64_t deadline_ns) {
  for (object* each : records) await(each, deadline_ns);
}
void await_some(std::span<object* const> records, std::size_t count, const time_limit&,
                std::span<bool> ready) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    ready[i] = count > 0 && records[i]->is_ready;
    if (ready[i]) --count;
  }
}
bool is_ready(const object* record) noexcept { return record->is_ready; }

struct completion_queue::state {
  std::vector<object*> records;
  std::vector<bool> told;
};
completion_queue::completion_queue(std::span<object* const> records)
    : state_{std::make_unique<state>()} {
  state_->records.assign(records.begin(), records.end());
  state_->told.resize(records.size());
}
completion_queue::~completion_queue() = default;
std::size_t completion_queue::next(const time_limit&) {
  bool waits = false;
  for (std::size_t i = 0; i < state_->records.size(); ++i) {
    if (state_->told[i]) continue;
    if (state_->records[i]->is_ready) {
      state_->told[i] = true;
      return i;
    }
    waits = true;
  }
  if (waits) throw timed_out("none became ready");
  return static_cast<std::size_t>(-1);
}

// Here all arrays are small ones.
struct new_array::memory {
  std::shared_ptr<std::byte[]> own;
  std::size_t count = 0;
};
new_array::new_array(std::size_t count, std::size_t element_bytes, const time_limit&)
    : memory_{new memory{std::shared_ptr<std::byte[]>{new std::byte[count * element_bytes + 1]},
                         count}},
      begin_{memory_->own.get()} {}
void new_array::discard() noexcept { delete memory_; }
new_array::memory& new_array::checked() const {
  if (!memory_) throw error("an empty shared_array was given away");
  return *memory_;
}
bool new_array::is_small() const { return checked().own != nullptr; }
sealed_elements new_array::seal() const {
  const memory& mine = checked();
  return {{}, mine.own, mine.own.get(), mine.count};
}
handle new_array::seal_as_object() const { throw error("the backend of tests has no store"); }
handle object_being_read() { return {}; }
std::uint64_t deadline_of(const time_limit&) { return never; }
std::uint64_t deadline_of_reading() noexcept { return never; }
std::shared_ptr<const void> keep_what_is_read() { return nullptr; }

value_view::value_view(object* ready, std::uint64_t) : record_{ready}, bytes_{ready->bytes} {
  if (ready->failure) throw_error(*ready->failure);
}
value_view::~value_view() = default;

}  // namespace mobula::detail

namespace mobula::in_place {

const last_request& last() { return detail::last_request; }
std::string text_of(detail::encoder& written) {
  return {reinterpret_cast<const char*>(written.bytes().data()), written.bytes().size()};
}

std::size_t objects() { return detail::alive().size(); }

object_ref<int> pending() { return detail::access::adopt<object_ref<int>>(detail::make_object()); }
void complete(const object_ref<int>& ref, int value) {
  detail::encoder bytes;
  detail::encode<int>(bytes, value);
  detail::fill(*detail::access::record_of(ref), bytes);
}

}  // namespace mobula::in_place
