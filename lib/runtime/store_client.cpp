#include "runtime/store_client.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "core/errors.hpp"
#include "runtime/errors.hpp"
#include "runtime/process.hpp"
#include "runtime/task_run.hpp"
#include "store/mapper.hpp"
#include "wire/array_seal.hpp"
#include "wire/codec.hpp"
#include "wire/debug_build.hpp"

namespace mobula::detail {

namespace {

// A record names its fetch: it is held until the answer. The executor's tokens have the highest
// bit, which no address has.
std::uint64_t token_of(const core::object* fetched) {
  return reinterpret_cast<std::uintptr_t>(fetched);
}
core::object* fetched_as(std::uint64_t token) { return reinterpret_cast<core::object*>(token); }

// What may stand in the way of mapping an extent.
constexpr std::string_view what_to_raise =
    "it is short of open files (ulimit -n), of address space (ulimit -v) or of mappings "
    "(vm.max_map_count): close or raise";

[[noreturn]] void throw_encoded(wire::blob error) {
  wire::reader from{error};
  throw_error(wire::decode_part<wire::error_value>(from));
}

}  // namespace

struct store_client::maps {
  explicit maps(ring::broker_client& broker)
      : extents{[&broker](std::uint32_t extent) {
          auto answer = broker.named(extent);
          return store::descriptor{answer.found.release()};
        }} {}
  store::mapper extents;
};

store_client::store_client(process& whose)
    : whose_{whose},
      pins_{whose.port().pins()},
      maps_{std::make_unique<maps>(whose.member().broker())} {}
store_client::~store_client() = default;

wire::location store_client::allocate(std::uint64_t size_bytes, std::uint64_t deadline_ns) {
  for (;;) {
    {
      const std::lock_guard held{whose_.lock()};
      if (const auto room = slabs_.allocate(size_bytes)) return *room;
    }
    if (const auto room = ask_for_room(size_bytes, deadline_ns)) return *room;
  }
}

// Nothing: there is one more slab now.
std::optional<wire::location> store_client::ask_for_room(std::uint64_t size_bytes,
                                                         std::uint64_t deadline_ns) {
  constexpr std::uint64_t page = 4096;
  const bool large = size_bytes > store::slabs::object_bytes_max;
  const bool is_protected = size_bytes >= store::protected_bytes_min;
  std::uint64_t least = large ? size_bytes : (size_bytes / page + 1) * page;
  // To itself: it shares none with blocks that are written still when it is not.
  if (is_protected) least = (size_bytes + page - 1) / page * page;
  std::uint64_t token = 0;
  {
    const std::lock_guard held{whose_.lock()};
    token = next_token_++;
    asked_[token];
    wire::send(whose_.port(), whose_.scheduler(),
               wire::store_allocate{token, least, large ? 0 : slabs_.wanted_bytes(), numa_node(),
                                    deadline_ns == process::never ? 0 : deadline_ns});
    whose_.flush();
  }
  wire::location granted = await_grant(token).where;
  if (granted.size_bytes > least) {
    const std::lock_guard held{whose_.lock()};
    slabs_.add(granted);
    return std::nullopt;
  }
  granted.size_bytes = size_bytes;
  return granted;
}

std::span<std::byte> store_client::writable(const wire::location& room) {
  return checked(room, maps_->extents.writable(room));
}

std::span<std::byte> store_client::lend(const wire::location& room) {
  return checked(room, maps_->extents.lend(room));
}

void store_client::take_back(const wire::location& room, std::byte* lent) {
  maps_->extents.take_back(room, {lent, room.size_bytes});
}

std::span<std::byte> store_client::checked(const wire::location& room,
                                           std::span<std::byte> memory) {
  if (memory.size() == room.size_bytes) return memory;
  {
    const std::lock_guard held{whose_.lock()};
    abandon(room);
  }
  throw_error(
      core::make_error(wire::error_code::store_full, whose_.self(),
                       "the memory of the node's store can't be mapped into this process: " +
                           std::string{what_to_raise}));
}

wire::location store_client::write(encoder& value, std::uint64_t deadline_ns) {
  const wire::location room = allocate(value_offset + value.size(), deadline_ns);
  const std::span<std::byte> memory = writable(room);
  try {
    value.copy_to(memory.data() + value_offset);
  } catch (...) {
    const std::lock_guard held{whose_.lock()};
    abandon(room);
    throw;
  }
  return room;
}

void store_client::made(wire::object_id object, const wire::location& where) {
  if (wire::is_debug_build && where.size_bytes < store::protected_bytes_min)
    wire::name_array(maps_->extents.writable(where), object);
  wire::send(whose_.port(), whose_.scheduler(), wire::store_made{object, where});
}

core::object& store_client::make_object(const wire::location& where,
                                        std::span<core::object* const> contains) {
  core::object& promised = whose_.owner().promise();
  // Read first: it can't be moved before it is made.
  const std::uint64_t as_of = moves();
  made(promised.id, where);
  wire::value_view value;
  value.kind = wire::value_kind::stored;
  value.where = where;
  whose_.owner().fulfil(promised, value, contains);
  if (as_of != 0) promised.more().here = core::memory_place{where, as_of};
  return promised;
}

void store_client::abandon(const wire::location& room) {
  if (slabs_.release(room)) return give_back(store::slabs::first_bytes);
  wire::send(whose_.port(), whose_.scheduler(), wire::store_return{room});
}

void store_client::give_back(std::uint64_t kept_bytes_max) {
  for (const wire::location& slab : slabs_.take_empty(kept_bytes_max))
    wire::send(whose_.port(), whose_.scheduler(), wire::store_return{slab});
}

store_client::grant store_client::await_grant(std::uint64_t token) {
  if (!whose_.wait_until([&] { return asked_.at(token).has_value(); })) process::require();
  const std::lock_guard held{whose_.lock()};
  grant got = std::move(*asked_.extract(token).mapped());
  if (!got.error.empty()) throw_encoded(got.error);
  return got;
}

std::optional<core::memory_place> store_client::copy_here(const core::object& stored) const {
  const wire::node_id mine = whose_.self().node();
  if (stored.extras && stored.extras->here) return stored.extras->here;
  if (stored.where().node == mine) return core::memory_place{stored.where(), 0};
  if (stored.extras) {
    for (const auto& copy : stored.extras->copies)
      if (copy.node == mine) return core::memory_place{copy, 0};
  }
  return std::nullopt;
}

std::uint64_t store_client::moves() const {
  return whose_.port().store_moves().load(std::memory_order_seq_cst);
}

bool store_client::is_here(const core::object& stored) const {
  const auto known = copy_here(stored);
  return known && known->as_of == moves();
}

core::argument_pins::answer store_client::pin(const wire::location& place, std::uint64_t as_of) {
  const auto number = pins_.pin(place);
  if (!number) return {std::nullopt, true};
  if (moves() == as_of) return {number, false};
  pins_.unpin(*number);
  return {};
}

std::optional<store_client::pinned_block> store_client::read(core::object& stored) {
  pinned_block read;
  {
    const std::lock_guard held{whose_.lock()};
    const auto known = copy_here(stored);
    const answer pinned = known ? pin(known->place, known->as_of) : answer{};
    if (pinned.full) throw_no_pins();
    if (!pinned.pin) {
      if (!stored.extras || stored.extras->fetch_error.empty()) return std::nullopt;
      stored.extras->fetch_error_told = true;
      throw_encoded(std::vector<std::byte>{stored.extras->fetch_error});
    }
    read.where = known->place;
    read.pin = block_pin{whose_, *pinned.pin};
  }
  read.bytes = mapped(read.where);
  return read;
}

bool store_client::bring(core::object& one, core::waiter& who) {
  if (one.state.load(std::memory_order_relaxed) != core::object_state::stored) return false;
  if (is_here(one)) return false;
  auto under_way = fetches_.find(&one);
  if (under_way == fetches_.end()) {
    // It failed when nobody waited: who does now is to hear of it.
    if (one.extras && !one.extras->fetch_error.empty() && !one.extras->fetch_error_told)
      return false;
    under_way = fetches_.try_emplace(&one).first;
    whose_.owner().objects().hold(one);
    wire::send(whose_.port(), whose_.scheduler(),
               wire::store_fetch{token_of(&one), one.id, one.where(), wire::fetch_urgency::get,
                                 numa_node()});
  }
  under_way->second.add(who);
  return true;
}

void store_client::withdraw(core::object& one, core::waiter& who) {
  if (const auto at = fetches_.find(&one); at != fetches_.end()) at->second.remove(who);
}

void store_client::on_fetched(const wire::store_fetched& told) {
  const auto at = fetches_.find(fetched_as(told.token));
  if (at == fetches_.end()) return;
  core::object& one = *at->first;
  if (!told.error.empty()) {
    if (one.extras) one.extras->here.reset();
    return fail(one, told.error);
  }
  // Its record goes on naming the place that its owner said: a copy that came here may go again,
  // and who is handed the ref looks there.
  if (told.as_of != 0 || told.place != one.where()) {
    one.more().here = core::memory_place{told.place, told.as_of};
  } else if (one.extras) {
    one.extras->here.reset();
  }
  if (one.extras) one.extras->fetch_error.clear();
  end(one);
}

void store_client::fail(core::object& one, wire::blob error) {
  one.more().fetch_error.assign(error.begin(), error.end());
  one.extras->fetch_error_told = false;
  end(one);
}

void store_client::end(core::object& one) {
  auto ended = fetches_.extract(&one);
  ended.mapped().tell(one);
  whose_.owner().objects().drop(one);
}

std::span<const std::byte> store_client::mapped(const wire::location& place) {
  const auto bytes = maps_->extents.readable(place);
  if (bytes.size() != place.size_bytes) {
    throw_error(core::make_error(wire::error_code::internal, whose_.self(),
                                 "the memory that holds the object can't be mapped into this "
                                 "process, though it is there: " +
                                     std::string{what_to_raise}));
  }
  return bytes.subspan(std::min(value_offset, bytes.size()));
}

store_client::pinned_block store_client::read_here(const wire::location& place) {
  pinned_block read{place, mapped(place), {}};
  const std::lock_guard held{whose_.lock()};
  const auto number = pins_.pin(place);
  if (!number) throw_no_pins();
  read.pin = block_pin{whose_, *number};
  return read;
}

void store_client::throw_no_pins() const {
  throw_error(core::make_error(wire::error_code::internal, whose_.self(),
                               "this process reads so many objects in place (" +
                                   std::to_string(pins_.pins()) +
                                   ") that it can't mark one more: let go of views"));
}

void store_client::on_message(wire::blob message) {
  if (const auto granted = wire::decode<wire::store_grant>(message)) {
    if (const auto at = asked_.find(granted->token); at != asked_.end())
      at->second = grant{granted->where, {granted->error.begin(), granted->error.end()}};
  } else if (const auto fetched = wire::decode<wire::store_fetched>(message)) {
    on_fetched(*fetched);
  } else if (const auto freed = wire::decode<wire::store_freed>(message)) {
    if (slabs_.release(freed->where)) give_back(store::slabs::first_bytes);
  } else if (const auto query = wire::decode<wire::store_query>(message)) {
    if (query->give_back) give_back(0);
    wire::send(whose_.port(), whose_.scheduler(), wire::store_reply{query->token});
  }
}

}  // namespace mobula::detail
