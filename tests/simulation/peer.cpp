#include "simulation/peer.hpp"

#include <algorithm>
#include <limits>
#include <sstream>

#include "core/errors.hpp"
#include "core/lease_slot.hpp"
#include "core/waits.hpp"
#include "simulation/world.hpp"
#include "wire/codec.hpp"

namespace mobula::sim {

using wire::process_id;

namespace {
constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
}

void sim_board::begun(const core::attempt& one) {
  if (!entries_.emplace(one.slot, core::begun_entry{}).second)
    world_.failed("two attempts in one slot of the board");
  entries_[one.slot] = {one.lease->id,
                        {one.push.task, one.push.attempt, wire::begun_state::running}};
  world_.task_begins(one);
}
void sim_board::suspended(const core::attempt& one) {
  entries_.at(one.slot).entry.state = wire::begun_state::suspended;
  world_.task_runs(one, false);
}
void sim_board::resumed(const core::attempt& one) {
  entries_.at(one.slot).entry.state = wire::begun_state::running;
  world_.task_runs(one, true);
}
void sim_board::ended(const core::attempt& one) {
  entries_.erase(one.slot);
  world_.task_ended(one);
}

std::vector<core::begun_entry> sim_board::entries() const {
  std::vector<core::begun_entry> all;
  for (const auto& [slot, entry] : entries_) all.push_back(entry);
  return all;
}

peer::peer(world& where, process_id self)
    : world_{where},
      self_{self},
      out_{where.net().join(self, *this)},
      owner_{self, out_, where.options().owner},
      board_{where},
      executor_{self, owner_, board_, out_, where.options().executor, this},
      deadlock_finder_{self, owner_, executor_, *this, out_, where.options().deadlock},
      tick_at_ns_{never} {
  owner_.tick(where.time().now_ns());
}

peer::~peer() { destroy_strands(); }

void peer::destroy_strands() { strands_.clear(); }

void peer::run_main(const std::function<body(context&)>& code) {
  auto& mine = strands_[next_strand_];
  mine = std::make_unique<strand>(*this, nullptr, next_strand_);
  main_ = next_strand_++;
  mine->caller = {self_, 2};
  mine->ctx().seed = world_.options().seed;
  mine->begin(code);
  main_ready_ = true;
  go_on();
}

std::uint64_t peer::new_token(strand& asker) {
  const std::uint64_t token = next_token_++;
  asked_[token] = asker.number();
  return token;
}

std::uint64_t peer::next_call(std::uint64_t caller, wire::object_id actor) {
  return ++calls_made_[{caller, actor}];
}

void peer::on_message(process_id from, wire::blob message) {
  world_.trace(from, self_, message);
  take(from, message);
  go_on();
}

void peer::take(process_id from, wire::blob message) {
  switch (wire::type_of(message)) {
    case wire::message_type::task_push:
    case wire::message_type::actor_call:
    case wire::message_type::task_reclaim:
    case wire::message_type::actor_end:
    case wire::message_type::lease_revoke:
    case wire::message_type::cpus_grant:
    case wire::message_type::worker_retire:
      return executor_.on_message(from, message);
    case wire::message_type::store_grant:
      return on_store_answer(message);
    case wire::message_type::store_fetched:
      if (const auto m = wire::decode<wire::store_fetched>(message);
          m && core::executor::is_fetch_token(m->token))
        return executor_.on_message(from, message);
      return on_store_answer(message);
    case wire::message_type::store_query:
      if (const auto m = wire::decode<wire::store_query>(message))
        wire::send(out_, from, wire::store_reply{m->token});
      return;
    case wire::message_type::wait_query:
      return core::on_wait_query(owner_, &executor_, from, message, out_);
    case wire::message_type::shutdown:
      job_ends_ = true;
      return;
    case wire::message_type::wait_reply:
      return deadlock_finder_.on_message(from, message);
    case wire::message_type::process_ended:
      if (const auto m = wire::decode<wire::process_ended>(message)) {
        for (const process_id ended : m->processes) world_.net().told_of_end(self_, ended);
      }
      return;
    case wire::message_type::lease_lost:
      return behind(wire::decode<wire::lease_lost>(message)->worker, from, message);
    case wire::message_type::store_orphan:
      return behind(wire::decode<wire::store_orphan>(message)->maker, from, message);
    default:
      if (!owner_.on_message(from, message)) world_.failed("a message that nobody takes");
  }
}

core::argument_pins::answer peer::pin(const wire::location& place, std::uint64_t as_of) {
  return world_.node_at(self_.node()).pins().pin(self_, place, as_of);
}

void peer::unpin(std::uint32_t pin) { world_.node_at(self_.node()).pins().unpin(self_, pin); }

std::string peer::name_of(wire::function_id function) {
  return "function " + std::to_string(function.offset);
}

void peer::fail(core::attempt& victim, std::string what) {
  world_.deadlocked(what);
  static_cast<strand*>(victim.context)->fail_wait();
}

// What a dead process has sent is acted on before what follows from its death: it may have
// completed tasks.
void peer::behind(process_id dead, process_id from, wire::blob message) {
  if (closed_.contains(dead)) return void(owner_.on_message(from, message));
  held_back_[dead].emplace_back(message.begin(), message.end());
  world_.net().told_of_end(self_, dead);
}

void peer::on_closed(process_id ended) {
  world_.trace(ended, self_, {});
  closed_.insert(ended);
  if (auto behind_it = held_back_.extract(ended)) {
    for (const auto& message : behind_it.mapped())
      owner_.on_message(process_id::scheduler_of(ended.node()), message);
  }
  owner_.on_process_ended(ended);
  executor_.process_ended(ended);
  deadlock_finder_.process_ended(ended);
  go_on();
}

void peer::on_store_answer(wire::blob message) {
  const auto grant = wire::decode<wire::store_grant>(message);
  const auto fetched = wire::decode<wire::store_fetched>(message);
  const auto asker = asked_.extract(grant ? grant->token : fetched->token);
  if (!asker) return world_.failed("an answer of the store that nobody asked for");
  strand& one = *strands_.at(asker.mapped());
  if (grant) {
    if (!grant->error.empty() && !world_.options().deaths && world_.options().disk_bytes == 0)
      return world_.failed("the store is full");
    grant->error.empty() ? one.granted(grant->where) : one.refused();
  } else {
    one.fetched(*fetched);
  }
  keep_running(one);
}

void peer::resume_in_place(std::uint64_t strand_number) {
  const auto found = strands_.find(strand_number);
  if (found == strands_.end()) return;
  keep_running(*found->second);
  go_on();
}

// True if it has ended or is suspended: the process is free for another.
bool peer::keep_running(strand& one) {
  const std::uint64_t number = one.number();
  if (in_place_ == &one) in_place_ = nullptr;
  if (one.proceed()) {
    remove(number);
    return true;
  }
  if (one.in_place() && one.attempt()) in_place_ = &one;
  return in_place_ == nullptr;
}

void peer::remove(std::uint64_t strand_number) {
  strands_.erase(strand_number);
  if (strand_number == main_) main_ended_ = true;
}

strand& peer::begin(core::attempt& one) {
  const std::uint64_t number = next_strand_++;
  auto& made = strands_[number];
  made = std::make_unique<strand>(*this, &one, number);
  one.context = made.get();
  made->caller = {self_, one.kind == core::attempt_kind::task ? next_caller_++ : 1};
  if (one.kind == core::attempt_kind::destruction) {
    instance_.reset();
    return *made;
  }
  const auto arguments = plain_arguments::decoded(one.push.arguments);
  if (!arguments) {
    world_.failed("arguments came damaged");
    return *made;
  }
  if (one.kind == core::attempt_kind::call) {
    std::uint64_t& last = last_call_[arguments->caller];
    if (arguments->caller_number <= last) world_.failed("calls of one caller changed their order");
    last = arguments->caller_number;
  }
  made->adopt_arguments(*arguments);
  if (!made->ctx().fails) made->begin(world_.function(one.push.function.offset));
  return *made;
}

void peer::go_on() {
  if (leaving_) return;
  const std::uint64_t now = world_.time().now_ns();
  if (std::exchange(main_ready_, false)) keep_running(*strands_.at(main_));
  owner_.tick(now);
  executor_.tick(now);
  deadlock_finder_.tick(now);
  owner_.flush();
  while (!in_place_) {
    core::attempt* next = executor_.next();
    if (!next) break;
    auto* mine = static_cast<strand*>(next->context);
    keep_running(mine ? *mine : begin(*next));
    owner_.flush();
  }
  while (std::exchange(main_ready_, false)) {
    keep_running(*strands_.at(main_));
    owner_.flush();
  }
  plan_tick();
  if (executor_.may_exit() && owner_.owns_nothing() && !is_busy()) {
    leaving_ = true;
    world_.time().after(0, [&where = world_, process = self_] { where.leave(process); });
  }
}

bool peer::is_busy() const { return !strands_.empty(); }

void peer::plan_tick() {
  constexpr std::uint64_t tick_least_ns = 10'000;
  const std::uint64_t wanted = std::min({owner_.next_deadline_ns(), executor_.next_deadline_ns(),
                                         deadlock_finder_.next_deadline_ns()});
  if (wanted == never) return;
  const std::uint64_t when = std::max(wanted, world_.time().now_ns() + tick_least_ns);
  if (when >= tick_at_ns_) return;
  tick_at_ns_ = when;
  world_.time().at(when, [&where = world_, process = self_, when] {
    if (peer* home = where.find(process); home && home->tick_at_ns_ == when) {
      home->tick_at_ns_ = never;
      home->go_on();
    }
  });
}

std::string peer::leftovers(bool objects_may_stay) const {
  std::ostringstream text;
  const auto say = [&](const char* what, std::size_t count) {
    if (count != 0) text << ' ' << what << ' ' << count;
  };
  say("tasks", owner_.tasks_live());
  say("waiting", owner_.tasks_waiting());
  say("leases", owner_.leases_held() - owner_.actors_live());
  say("acknowledgements", owner_.objects().acknowledgements_awaited());
  say("strands", strands_.size());
  say("suspended", executor_.suspended_count());
  say("attempts", executor_.idle() ? 0 : 1);
  say("looks for deadlocks", deadlock_finder_.idle() ? 0 : 1);
  say("dropped messages", executor_.dropped());
  if (objects_may_stay) return text.str();
  say("actors", owner_.actors_live());
  say("owned", owner_.objects().owned());
  say("borrowed", owner_.objects().borrowed());
  return text.str();
}

std::string peer::state() {
  std::ostringstream text;
  text << core::name_of(self_) << ':' << leftovers();
  if (in_place_) text << " busy";
  const std::function<void(const core::object&)> say = [&](const core::object& one) {
    text << "\n    object " << one.id.sequence() << '/' << one.id.index() << ": state "
         << static_cast<int>(one.state.load()) << ", counts " << one.counts.load()
         << (one.maker ? ", is being made" : "");
    if (!one.extras) return;
    for (const auto& [who, count] : one.extras->borrowers)
      text << ", " << core::name_of(who) << " has it " << count;
    if (!one.extras->siblings) return;
    for (std::uint32_t i = 0; i < one.extras->siblings->count; ++i) {
      if (one.extras->siblings->objects[i].id) say(one.extras->siblings->objects[i]);
    }
  };
  owner_.objects().look_at_owned(say);
  for (const auto& [number, one] : strands_) {
    if (!one->attempt()) continue;
    text << "\n    attempt of task " << one->attempt()->push.task.sequence() << " of "
         << core::name_of(one->attempt()->owner) << ", state "
         << static_cast<int>(one->attempt()->state) << ", lease "
         << one->attempt()->lease->id.number << ", cpus "
         << static_cast<int>(one->attempt()->lease->cpus) << ", awaits";
    for (const auto id : one->attempt()->awaited)
      text << ' ' << core::name_of(id.owner()) << '/' << id.sequence() << '/' << id.index();
  }
  text << '\n';
  return text.str();
}

}  // namespace mobula::sim
