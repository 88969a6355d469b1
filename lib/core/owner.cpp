#include "core/owner.hpp"

#include <algorithm>

#include "core/errors.hpp"
#include "core/invariant.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::object_id;
using wire::process_id;

owner::owner(process_id self, wire::outbox& out, limits named, std::uint32_t job)
    : self_{self},
      out_{out},
      limits_{named},
      objects_{self, out, job},
      leases_{self, out, named.leases, [this](task& one, const held_lease& l) { push(one, l); },
              [this](task& one, wire::blob error) { fail(one, error); }} {
  objects_.on_actor_unheld = [this](object& handle) { actor_unheld(handle); };
  leases_.on_actor_lost = [this](const held_lease& lease, std::string_view cause) {
    for (const auto& [id, actor] : actors_) {
      if (actor.lease != lease.id) continue;
      if (object* handle = objects_.find(id)) actor_ended(*handle, lease.worker, cause);
      return;
    }
  };
}

// Each task that has not ended is the maker of its first result.
owner::~owner() {
  objects_.look_at_owned([this](const object& first) {
    if (first.maker) tasks_.recycle(*first.maker);
  });
}

object& owner::promise() {
  object& one = objects_.make(1);
  objects_.hold(one);
  return one;
}

void owner::fulfil(object& promised, const wire::value_view& value,
                   std::span<object* const> contains) {
  for (object* inside : contains) {
    objects_.hold(*inside);
    promised.more().contains.push_back(inside);
  }
  wire::value_view plain = value;
  plain.contains = {};
  objects_.set(promised, plain);
}

object& owner::put(const wire::value_view& value, std::span<object* const> contains) {
  object& one = promise();
  fulfil(one, value, contains);
  return one;
}

task& owner::make_task(const task_spec& spec, task::kind what, shape* demand) {
  task& one = tasks_.make(what);
  one.flags = spec.flags;
  one.result_count = spec.result_count;
  one.demand = demand;
  one.function = spec.function;
  one.receiver = this;
  one.keep_arguments(spec.arguments, spec.refs);
  for (const parameter& given : spec.refs) objects_.hold(*given.ref);
  if (spec.max_concurrency != 1) one.more().max_concurrency = spec.max_concurrency;
  if (!spec.name.empty()) one.more().name = spec.name;
  for (object* inside : spec.contains) {
    objects_.hold(*inside);
    one.more().contains.push_back(inside);
  }
  one.first = &objects_.make(spec.result_count);
  for (std::uint32_t i = 0; i < spec.result_count; ++i) {
    object& result = objects_.result(*one.first, i);
    result.maker = &one;
    objects_.hold(result);
  }
  return one;
}

// Waits for the arguments, or goes on at once.
object& owner::start(task& one) {
  object& first = *one.first;
  one.missing = 1;  // ours, so that the last argument finds the loop done
  ++waiting_;
  for (argument& each : one.refs()) {
    object& given = *each.ref;
    if (!given.ready()) {
      ++one.missing;
      given.waiters.add(each);
      objects_.want(given);
    } else if (given.state.load() == object_state::failed) {
      one.has_failed_argument = true;
    }
  }
  if (--one.missing == 0 || one.has_failed_argument) arguments_done(one);
  return first;
}

void owner::argument_ready(task& whose, object& ready) {
  --whose.missing;
  if (whose.has_failed_argument) return;
  whose.has_failed_argument = ready.state.load() == object_state::failed;
  if (whose.missing == 0 || whose.has_failed_argument) arguments_done(whose);
}

void owner::arguments_done(task& one) {
  --waiting_;
  if (one.what == task::kind::call) {
    const call_task& call = as_call(one);
    actor_client& client = client_of(*call.actor);
    std::vector<task*> go;
    client.take_sendable(call.caller, go);
    return send_calls(client, go);
  }
  if (one.has_failed_argument) return fail_by_argument(one);
  leases_.enqueue(one);
  if (one.what == task::kind::plain) leases_.pump(*one.demand);
}

object& owner::submit(const task_spec& spec, shape& demand) {
  return start(make_task(spec, task::kind::plain, &demand));
}

object& owner::create_actor(const task_spec& spec, shape& demand) {
  task_spec creation = spec;
  creation.flags |= wire::task_push::creates_actor;
  if (demand.key.held.cpus == 0) creation.flags |= wire::task_push::holds_no_cpus;
  task& one = make_task(creation, task::kind::creation, &demand);
  one.first->is_actor = true;
  return start(one);
}

bool owner::await(object& one, waiter& who) {
  if (one.ready()) return false;
  one.waiters.add(who);
  objects_.want(one);
  return true;
}

owner::reply owner::run_here(object_id awaited, wire::lease_id lease, std::uint64_t shape_number) {
  // What the awaited one needs, and what that needs: bounded, since chains may be long.
  constexpr std::size_t looked_at_max = 64;
  std::vector<object*> look;
  if (object* first = objects_.find(awaited)) look.push_back(first);
  bool later = false;
  for (std::size_t i = 0; i < look.size() && i < looked_at_max; ++i) {
    if (!look[i]->owned || !look[i]->maker) continue;
    task& maker = *look[i]->maker;
    if (leases_.push_here(maker, lease, shape_number)) return {answer::pushed, maker.id()};
    if (maker.where != task::phase::waiting) continue;
    later = true;
    for (const argument& needed : maker.refs()) {
      if (!needed.ref->ready()) look.push_back(needed.ref);
    }
  }
  return {later ? answer::not_now : answer::never, {}};
}

void owner::push(task& one, const held_lease& lease) {
  send_push(one, lease.worker, lease.id, nullptr);
}

void owner::send_push(task& one, process_id to, wire::lease_id lease, const actor_client* client) {
  resolved_.clear();
  for (const argument& given : one.refs()) {
    wire::resolved_argument resolved;
    resolved.parameter = given.parameter;
    resolved.object = given.ref->id;
    resolved.value = objects_.view(*given.ref, id_room_);
    const std::size_t at = resolved_.size();
    resolved_.resize(at + wire::encoded_size(resolved));
    wire::writer room{resolved_.data() + at};
    wire::encode_part(room, resolved);
  }
  id_room_.clear();
  for (const object* inside : one.contains()) id_room_.push_back(inside->id);
  wire::task_push push;
  push.flags = one.flags;
  push.result_count = one.result_count;
  push.max_concurrency = one.extras ? one.extras->max_concurrency : 1;
  push.attempt = one.attempt;
  push.task = one.id();
  push.lease = lease;
  push.function = one.function;
  push.shape = one.demand ? one.demand->number : 0;
  push.name = one.name();
  push.resolved_count = one.ref_count;
  push.arguments = one.arguments();
  push.contains = std::as_bytes(std::span{id_room_});
  push.resolved = resolved_;
  if (!client) return wire::send(out_, to, push);
  wire::actor_call call;
  call.actor = client->handle().id;
  call.incarnation = client->incarnation();
  call.caller = as_call(one).caller;
  call.number = one.number;
  call.call = push;
  wire::send(out_, to, call);
}

bool owner::on_message(process_id from, wire::blob message) {
  if (wire::type_of(message) == wire::message_type::task_done) {
    if (const auto done = wire::decode<wire::task_done>(message)) on_done(from, *done);
    return true;
  }
  return objects_.on_message(from, message) || leases_.on_message(from, message);
}

void owner::on_done(process_id from, const wire::task_done& done) {
  if (done.task.owner() != self_) return;
  object* first = objects_.find(wire::result_of(done.task, 0));
  task* one = first ? first->maker : nullptr;
  // An old attempt's, or one that was failed meanwhile.
  if (!one || one->attempt != done.attempt || one->where != task::phase::pushed)
    return drop_results(from, done);
  if (one->what == task::kind::call) {
    actor_client& client = client_of(*as_call(*one).actor);
    if (client.home() != from) return drop_results(from, done);
  } else if (!one->lease || one->lease->id != done.lease || one->lease->worker != from) {
    return drop_results(from, done);
  }
  // Before the arguments are let go: what the worker still holds of them.
  take_held(one, from, done.held);
  if (done.status == wire::task_status::actor_is_gone) {
    const auto error = encoded(make_error(wire::error_code::actor_died, from,
                                          "the actor has ended; the call was not run"));
    return fail(*one, error);
  }
  if (one->what == task::kind::creation && done.status == wire::task_status::done)
    return creation_done(*one, from);
  take_results(*one, done);
}

// Nobody will read these: what is in stores is freed, the refs inside are let go. What the worker
// says that it holds counts all the same, since it will release it.
void owner::drop_results(process_id from, const wire::task_done& done) {
  take_held(nullptr, from, done.held);
  if (done.status != wire::task_status::done) return;
  wire::reader in{done.results};
  for (std::uint32_t i = 0; i < done.result_count; ++i) {
    const auto value = wire::decode_part<wire::value_view>(in);
    if (in.failed()) return;
    if (value.kind == wire::value_kind::stored) {
      wire::send(out_, process_id::scheduler_of(value.where.node),
                 wire::store_free{wire::result_of(done.task, i), value.where});
    }
    const wire::id_list ids{value.contains};
    for (std::size_t j = 0; j < ids.size(); ++j) objects_.drop(objects_.adopt_registered(ids[j]));
  }
}

void owner::take_held(const task* one, process_id worker, wire::blob held) {
  const wire::id_list ids{held};
  std::vector<object*> given;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (object* known = objects_.find(ids[i])) {
      objects_.share(*known, worker);
      continue;
    }
    // It came inside an argument that we only borrow, never looked into.
    if (given.empty() && one) {
      for (const argument& each : one->refs()) given.push_back(each.ref);
    }
    objects_.share_through(ids[i], worker, given);
  }
}

void owner::take_results(task& one, const wire::task_done& done) {
  wire::reader from{done.results};
  const bool failed = done.status != wire::task_status::done;
  wire::value_view value;
  if (failed) value = wire::decode_part<wire::value_view>(from);
  if (!failed && done.result_count != one.result_count) from.fail();
  for (std::uint32_t i = 0; i < one.result_count; ++i) {
    object& result = objects_.result(*one.first, i);
    if (!failed) value = wire::decode_part<wire::value_view>(from);
    if (from.failed()) {
      objects_.set_failed(
          result, make_error(wire::error_code::internal, self_, "the task's results came damaged"));
    } else {
      objects_.set(result, value);
    }
  }
  end_task(one);
}

void owner::fail(task& one, wire::blob error) {
  // The bytes may be those of an argument that ends with this task.
  const std::vector<std::byte> bytes{error.begin(), error.end()};
  wire::value_view value;
  value.kind = wire::value_kind::failed;
  value.bytes = bytes;
  if (one.what == task::kind::creation && one.where == task::phase::waiting)
    one.first->is_actor = false;
  for (std::uint32_t i = 0; i < one.result_count; ++i)
    objects_.set(objects_.result(*one.first, i), value);
  end_task(one);
}

void owner::fail_by_argument(task& one) {
  const auto refs = one.refs();
  const auto failed = std::ranges::find_if(
      refs, [](const argument& each) { return each.ref->state.load() == object_state::failed; });
  fail(one, failed->ref->bytes());
}

// The results are set; everything that the task held is let go.
void owner::end_task(task& one) {
  object& first = *one.first;
  if (one.what == task::kind::call) {
    if (one.where == task::phase::pushed) client_of(*as_call(one).actor).in_flight.remove(one);
  } else if (one.lease) {
    const wire::lease_id lease = one.lease->id;
    const bool lost_actor =
        one.what == task::kind::creation && first.state.load() == object_state::failed;
    leases_.ended(one);
    if (lost_actor) leases_.creation_failed(lease);
  } else {
    leases_.withdraw(one);
  }
  for (argument& each : one.refs()) {
    each.ref->waiters.remove(each);
    objects_.drop(*each.ref);
  }
  for (object* inside : one.contains()) objects_.drop(*inside);
  object* actor = one.what == task::kind::call ? as_call(one).actor : nullptr;
  const std::uint32_t count = one.result_count;
  tasks_.recycle(one);
  if (actor) objects_.drop(*actor);
  for (std::uint32_t i = count; i-- > 0;) objects_.maker_ended(objects_.result(first, i));
}

void owner::on_process_ended(process_id ended) {
  std::vector<process_id> homes{ended};
  if (ended.is_scheduler()) {
    for (const auto& [home, handles] : clients_at_)
      if (home.node() == ended.node()) homes.push_back(home);
    leases_.on_node_ended(ended.node());
  }
  for (const process_id home : homes) {
    const auto at = clients_at_.extract(home);
    if (!at) continue;
    for (const object_id id : at.mapped()) {
      if (object* handle = objects_.find(id)) actor_ended(*handle, home, "its process ended");
    }
  }
  objects_.on_process_ended(ended);
}

void owner::flush() {
  leases_.flush();
  objects_.flush();
}

}  // namespace mobula::core
