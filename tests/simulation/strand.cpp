#include "simulation/strand.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/errors.hpp"
#include "simulation/peer.hpp"
#include "simulation/world.hpp"
#include "wire/codec.hpp"

namespace mobula::sim {

using wire::object_id;

strand::strand(peer& home, core::attempt* attempt, std::uint64_t number)
    : home_{home}, attempt_{attempt}, number_{number}, ctx_{*this} {}

strand::~strand() { stop_waiting(); }

void strand::begin(const std::function<body(context&)>& code) { code_ = code(ctx_); }

bool strand::proceed() {
  in_place_ = false;
  home_.where().progressed(0);
  for (;;) {
    if (step_) {
      if (!step_()) return false;
      step_ = {};
    }
    if (finishing_) {
      finish();
      return true;
    }
    if (code_) code_.resume();
    if (!code_ || code_.done()) {
      finishing_ = true;
      step_ = [this] { return prepare_results(); };
    }
  }
}

void strand::stay() { in_place_ = true; }

bool strand::are_ready(const std::vector<ref>& refs, std::size_t count) {
  const auto ready = static_cast<std::size_t>(
      std::ranges::count_if(refs, [](const ref& one) { return one.record().ready(); }));
  if (ready >= count || failed_) {
    stop_waiting();
    if (ready >= count) failed_ = false;
    return true;
  }
  if (!waiters_.empty()) return false;
  std::vector<object_id> awaited;
  for (const ref& one : refs) {
    if (one.record().ready()) continue;
    auto waiter = std::make_unique<ref_waiter>();
    waiter->told = this;
    waiter->of = one;
    home_.owner().await(one.record(), *waiter);
    waiters_.push_back(std::move(waiter));
    awaited.push_back(one.id());
  }
  still_needed_ = count - ready;
  if (attempt_) home_.executor().suspend(*attempt_, {awaited, still_needed_});
  return false;
}

void strand::one_is_ready() {
  if (still_needed_ == 0 || --still_needed_ != 0) return;
  if (attempt_) {
    home_.executor().wake(*attempt_);
  } else {
    home_.main_is_ready();
  }
}

void strand::fail_wait() {
  failed_ = true;
  home_.executor().wake(*attempt_);
}

void strand::stop_waiting() {
  for (const auto& waiter : waiters_) waiter->of.record().waiters.remove(*waiter);
  waiters_.clear();
  still_needed_ = 0;
}

bool strand::bring(const ref& one) {
  core::object& record = one.record();
  if (record.state.load() != core::object_state::stored || !fetch_error_.empty()) return true;
  const wire::node_id mine = home_.self().node();
  if (!told_ && record.where().node == mine) told_ = core::memory_place{record.where(), 0};
  if (!told_ && record.extras) {
    for (const auto& copy : record.extras->copies)
      if (copy.node == mine) told_ = core::memory_place{copy, 0};
  }
  const std::uint64_t looks = home_.where().node_at(mine).pins().looks();
  if (told_ && told_->as_of == looks) {
    here_ = std::exchange(told_, std::nullopt)->place;
    return true;
  }
  if (!std::exchange(asked_, true)) {
    wire::send(home_.out(), home_.scheduler(),
               wire::store_fetch{home_.new_token(*this), one.id(), record.where()});
  }
  stay();
  return false;
}

void strand::fetched(const wire::store_fetched& answer) {
  asked_ = false;
  if (answer.error.empty()) {
    told_ = core::memory_place{answer.place, answer.as_of};
  } else {
    fetch_error_.assign(answer.error.begin(), answer.error.end());
  }
}

read_value strand::read(const ref& one) {
  core::object& record = one.record();
  world& where = home_.where();
  read_value got;
  // A ref that came to its owner after the object was freed has a failed record of its own.
  const bool failed = record.state.load() == core::object_state::failed;
  if (!failed && home_.owner().objects().find(one.id()) != &record)
    where.failed("a ref to a freed record");
  wire::blob bytes;
  std::vector<std::byte> error;
  switch (record.state.load()) {
    case core::object_state::inlined:
      bytes = record.bytes();
      break;
    case core::object_state::stored: {
      if (!fetch_error_.empty()) {
        error = std::exchange(fetch_error_, {});
        break;
      }
      const auto memory = where.node_at(home_.self().node()).memory().bytes(*here_);
      here_.reset();
      if (!memory) {
        if (!where.options().deaths) where.failed("a stored value was freed while it was held");
        got.error = wire::error_code::owner_died;
        return got;
      }
      bytes = *memory;
      break;
    }
    case core::object_state::failed:
      error.assign(record.bytes().begin(), record.bytes().end());
      break;
    case core::object_state::pending:
      where.failed("a value was read before it was made");
      return got;
  }
  if (!error.empty()) {
    wire::reader from{error};
    const auto value = wire::decode_part<wire::error_value>(from);
    got.error = value.code;
    got.what = value.what;
    if (!where.allowed(value.code)) where.failed("an error that should not be: " + value.what);
    return got;
  }
  if (one.expected() == 0) return got;  // an actor's handle
  const auto value = plain_value::decoded(bytes);
  if (!value || value->is != one.expected()) {
    where.failed("an object is not what it should be");
    return got;
  }
  for (const written_ref& inside : value->refs) {
    core::object& adopted = home_.owner().objects().adopt(inside.id);
    home_.owner().objects().register_through(adopted, record);
    got.refs.emplace_back(home_, adopted, inside.expected);
  }
  return got;
}

std::vector<ref> strand::adopt(const std::vector<written_ref>& refs) {
  std::vector<ref> adopted;
  for (const written_ref& one : refs) {
    core::object& record = home_.owner().objects().adopt(one.id);
    home_.owner().objects().hold(record);
    adopted_.push_back(&record);
    adopted.emplace_back(home_, record, one.expected);
  }
  return adopted;
}

void strand::adopt_arguments(const plain_arguments& given) {
  world& where = home_.where();
  ctx_.self = given.task;
  ctx_.seed = given.seed;
  ctx_.depth = given.depth;
  ctx_.refs = adopt(given.refs);
  if (given.given.size() != attempt_->resolved.size()) where.failed("a parameter is missing");
  for (std::size_t i = 0; i < attempt_->resolved.size(); ++i) {
    const auto& argument = attempt_->resolved[i];
    read_value& value = ctx_.values.emplace_back();
    wire::blob bytes = argument.value.bytes;
    if (argument.value.kind == wire::value_kind::stored) {
      const auto stored = std::ranges::find(attempt_->stored, i, &core::stored_argument::index);
      const auto memory = where.node_at(home_.self().node()).memory().bytes(stored->place);
      if (!memory) {
        // The end of an owner frees what it owned, also under those who are about to read it.
        if (!where.options().deaths) where.failed("a stored argument is not on its task's node");
        ctx_.fails = true;
        return;
      }
      bytes = *memory;
    }
    const label expected = given.given.at(argument.parameter);
    if (expected == 0) continue;
    const auto plain = plain_value::decoded(bytes);
    if (!plain || plain->is != expected)
      return where.failed("an argument is not what it should be");
    value.refs = adopt(plain->refs);
  }
}

bool strand::allocate(object_id object, std::size_t size) {
  if (granted_) {
    asked_ = false;
    wire::send(home_.out(), home_.scheduler(), wire::store_made{object, *granted_});
    return true;
  }
  if (!std::exchange(asked_, true)) {
    wire::send(home_.out(), home_.scheduler(),
               wire::store_allocate{home_.new_token(*this), size, 0});
  }
  stay();
  return false;
}

bool strand::prepare_results() {
  if (!attempt_ || attempt_->kind == core::attempt_kind::destruction) return true;
  if (ctx_.fails || attempt_->kind == core::attempt_kind::creation) return true;
  ctx_.results.resize(attempt_->push.result_count);
  while (!ctx_.fails && result_bytes_.size() < ctx_.results.size()) {
    const auto index = static_cast<std::uint32_t>(result_bytes_.size());
    plain_value value;
    value.is = result_label(ctx_.self, index);
    value.filler_bytes = ctx_.results[index].filler_bytes;
    for (const ref& inside : ctx_.results[index].refs) value.refs.push_back(inside.written());
    auto bytes = value.encoded();
    std::optional<wire::location> where;
    if (bytes.size() > home_.where().options().inline_bytes_max) {
      if (take_refusal()) {
        ctx_.fails = true;
        return true;
      }
      if (!allocate(wire::result_of(attempt_->push.task, index), bytes.size())) return false;
      where = std::exchange(granted_, std::nullopt);
      const auto memory = home_.where().node_at(home_.self().node()).memory().bytes(*where);
      std::memcpy(memory->data(), bytes.data(), bytes.size());
    }
    stored_results_.push_back(where);
    result_bytes_.push_back(std::move(bytes));
  }
  return true;
}

std::vector<std::byte> strand::failure() const {
  wire::error_value error =
      core::make_error(wire::error_code::task_error, home_.self(), "the body failed");
  const auto bytes = core::encoded(error);
  wire::value_view value;
  value.kind = wire::value_kind::failed;
  value.bytes = bytes;
  std::vector<std::byte> results(wire::encoded_size(value));
  wire::writer room{results.data()};
  wire::encode_part(room, value);
  return results;
}

// What came with the arguments and is still held: our borrowing is made known by the completion.
std::vector<object_id> strand::list_held() {
  std::vector<object_id> held;
  for (core::object* one : adopted_) {
    if (one->counts.load() > 1 && home_.owner().objects().must_report(*one))
      held.push_back(one->id);
  }
  return held;
}

void strand::finish() {
  code_ = {};
  ctx_.refs.clear();
  ctx_.values.clear();
  if (!attempt_) return;
  core::object_table& objects = home_.owner().objects();
  core::outcome how;
  std::vector<std::byte> results;
  how.result_count = attempt_->push.result_count;
  if (ctx_.fails) {
    results = failure();
    how.status = wire::task_status::failed;
  } else {
    for (std::size_t i = 0; i < how.result_count; ++i) {
      wire::value_view value;
      std::vector<object_id> inside;
      if (i < result_bytes_.size()) {
        for (const ref& one : ctx_.results[i].refs) {
          objects.share(one.record(), attempt_->owner);
          inside.push_back(one.id());
        }
        value.contains = std::as_bytes(std::span{inside});
        if (stored_results_[i]) {
          value.kind = wire::value_kind::stored;
          value.where = *stored_results_[i];
        } else {
          value.bytes = result_bytes_[i];
        }
      }
      const std::size_t at = results.size();
      results.resize(at + wire::encoded_size(value));
      wire::writer room{results.data() + at};
      wire::encode_part(room, value);
    }
  }
  ctx_.results.clear();
  how.results = results;
  const auto held = list_held();
  how.held = std::as_bytes(std::span{held});
  const wire::process_id owner = attempt_->owner;
  const wire::task_id task = attempt_->push.task;
  home_.executor().finish(*attempt_, how);
  for (std::uint32_t i = 0; i < stored_results_.size(); ++i) {
    if (!stored_results_[i]) continue;
    const object_id result = wire::result_of(task, i);
    const wire::location& where = *stored_results_[i];
    if (ctx_.fails) {
      wire::send(home_.out(), home_.scheduler(), wire::store_free{result, where});
    } else if (owner != home_.self()) {
      wire::send(home_.out(), home_.scheduler(), wire::store_sealed{result, where});
    }
  }
  for (core::object* one : std::exchange(adopted_, {})) objects.drop(*one);
}

}  // namespace mobula::sim
