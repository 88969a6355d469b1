// The owner's part about what its objects wait for.

#include "core/actor_client.hpp"
#include "core/owner.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::core {

using wire::process_id;
using wire::wait_kind;
using wire::wait_point;

namespace {

wait_point point_of(const object& one) {
  return {.kind = wait_kind::object, .asked = one.id.owner(), .object = one.id};
}

wait_point point_of(const task& pushed, process_id worker) {
  return {.kind = wait_kind::attempt,
          .attempt = pushed.attempt,
          .asked = worker,
          .object = pushed.first->id};
}

void add_missing_arguments(const task& of, std::vector<wait_point>& on) {
  for (const argument& each : of.refs()) {
    if (!each.ref->ready()) on.push_back(point_of(*each.ref));
  }
}

}  // namespace

void owner::tell_wait(const wait_point& about, wire::wait_reply& told) {
  const object* one = objects_.find(about.object);
  if (!one || one->ready() || !one->owned || !one->maker) return;
  const task& maker = *one->maker;
  const call_task* call = maker.what == task::kind::call ? &as_call(maker) : nullptr;
  const actor_client* client =
      call && call->actor->extras ? call->actor->extras->client.get() : nullptr;
  told.stamp = maker.attempt;
  told.function = maker.function;
  told.name = maker.name();
  if (call) told.actor = call->actor->id;
  switch (maker.where) {
    case task::phase::pushed:
      told.on.push_back(point_of(maker, call ? client->home() : maker.lease->worker));
      break;
    case task::phase::ready:
      if (const auto request = leases_.request_of(maker)) told.on.push_back(*request);
      break;
    case task::phase::waiting:
      add_missing_arguments(maker, told.on);
      if (!client) break;
      // Sent once the actor is made, and after those that its caller called before.
      if (!call->actor->ready()) told.on.push_back(point_of(*call->actor));
      if (const task* first = client->first_waiting(call->caller); first && first != &maker)
        add_missing_arguments(*first, told.on);
  }
  told.needed = static_cast<std::uint32_t>(told.on.size());
}

}  // namespace mobula::core
