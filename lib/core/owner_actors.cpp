// The owner's part about actors: creating them, calling them, and their end.

#include <algorithm>
#include <utility>

#include "core/errors.hpp"
#include "core/invariant.hpp"
#include "core/owner.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::object_id;
using wire::process_id;

namespace {

// The value of an actor's handle: where it lives.
struct address {
  process_id home;
  std::uint32_t incarnation = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.home);
    visit(self.incarnation);
  }
};

bool has_its_arguments(const task_spec& spec) {
  return std::ranges::all_of(spec.refs, [](const parameter& one) {
    return one.ref->ready() && one.ref->state.load() != object_state::failed;
  });
}

}  // namespace

actor_client& owner::client_of(object& handle) {
  auto& client = handle.more().client;
  if (client) return *client;
  client = std::make_unique<actor_client>(handle);
  if (handle.ready()) {
    learn_address(*client);
  } else {
    client->known.then = [this, found = client.get()] {
      learn_address(*found);
      std::vector<task*> go;
      found->take_all_sendable(go);
      send_calls(*found, go);
    };
    await(handle, client->known);
  }
  return *client;
}

void owner::learn_address(actor_client& client) {
  object& handle = client.handle();
  if (handle.state.load() == object_state::failed) return client.died(handle.bytes());
  wire::reader from{handle.bytes()};
  const auto where = wire::decode_part<address>(from);
  if (!from.finished() || !where.home || objects_.has_ended(where.home)) {
    return client.died(encoded(
        make_error(wire::error_code::actor_died, where.home, "the actor's process has ended")));
  }
  client.found(where.home, where.incarnation);
  // The handle may have been dropped and borrowed again, any number of times.
  auto& there = clients_at_[where.home];
  if (std::ranges::find(there, handle.id) == there.end()) there.push_back(handle.id);
}

object& owner::call_actor(object& handle, wire::caller_id caller, const task_spec& spec) {
  task& one = make_task(spec, task::kind::call, nullptr);
  call_task& made = as_call(one);
  made.actor = &handle;
  objects_.hold(handle);
  made.caller = caller;
  object& first = *one.first;
  actor_client& client = client_of(handle);
  if (client.is_clear(caller) && has_its_arguments(spec)) {
    send_call(client, one);
    return first;
  }
  // In line first, its arguments then: they may be ready at once.
  one.missing = 1;
  client.admit(one);
  start(one);
  return first;
}

// A call that fails may make others ready to go, even of the same caller: they queue up behind.
void owner::send_calls(actor_client& client, std::vector<task*>& go) {
  client.going.insert(client.going.end(), go.begin(), go.end());
  if (client.going.empty() || std::exchange(client.sends, true)) return;
  object& handle = client.handle();
  objects_.hold(handle);  // and with it the client
  while (!client.going.empty()) {
    task& one = *client.going.front();
    client.going.pop_front();
    if (one.has_failed_argument) {
      fail_by_argument(one);
    } else if (client.where() == actor_client::state::dead) {
      fail(one, client.error());
    } else {
      send_call(client, one);
    }
  }
  client.sends = false;
  objects_.drop(handle);
}

void owner::send_call(actor_client& client, task& one) {
  one.where = task::phase::pushed;
  one.number = next_call_++;
  client.in_flight.push_back(one);
  send_push(one, client.home(), {}, &client);
}

void owner::creation_done(task& creation, process_id home) {
  const address where{home, 0};
  std::byte room[sizeof(process_id) + sizeof(std::uint32_t)];
  wire::writer out{room};
  wire::encode_part(out, where);
  object& handle = *creation.first;
  actors_[handle.id] = {creation.lease->id, home};
  wire::value_view value;
  value.bytes = room;
  objects_.set(handle, value);
  end_task(creation);
}

void owner::actor_ended(object& handle, process_id home, std::string_view cause) {
  std::string what = "the actor's process, " + name_of(home) + ", has ended";
  if (!cause.empty()) what += ": " + std::string{cause};
  const auto error = encoded(make_error(wire::error_code::actor_died, home, what));
  actors_.erase(handle.id);
  // Nobody reads an actor's handle without the lock: those who ask from now on hear of the end.
  if (handle.ready() && handle.state.load() != object_state::failed) {
    handle.clear_value();
    handle.set_bytes(object_state::failed, error);
  }
  if (handle.extras && handle.extras->client) client_died(*handle.extras->client, error);
}

void owner::client_died(actor_client& client, wire::blob error) {
  if (client.where() == actor_client::state::dead) return;
  client.died(error);
  // Each call holds the handle; this hold keeps the client until all of them have failed.
  object& handle = client.handle();
  objects_.hold(handle);
  while (!client.in_flight.empty()) fail(*client.in_flight.front(), client.error());
  std::vector<task*> go;
  client.take_all_sendable(go);
  send_calls(client, go);
  objects_.drop(handle);
}

void owner::actor_unheld(object& handle) {
  const auto found = actors_.find(handle.id);
  if (found == actors_.end()) return;
  wire::send(out_, found->second.home, wire::actor_end{handle.id});
  leases_.actor_over(found->second.lease);
  actors_.erase(found);
}

}  // namespace mobula::core
