#include "runtime/store_client.hpp"

#include <mutex>
#include <utility>

#include "core/errors.hpp"
#include "runtime/errors.hpp"
#include "runtime/process.hpp"
#include "runtime/task_run.hpp"
#include "store/mapper.hpp"
#include "wire/codec.hpp"

namespace mobula::detail {

struct store_client::maps {
  explicit maps(ring::broker_client& broker)
      : extents{[&broker](std::uint32_t extent) {
          auto answer = broker.named(extent);
          return store::descriptor{answer.found.release()};
        }} {}
  store::mapper extents;
};

store_client::store_client(process& whose)
    : whose_{whose}, maps_{std::make_unique<maps>(whose.member().broker())} {}
store_client::~store_client() = default;

wire::location store_client::write(wire::object_id id, const encoder& value) {
  std::uint64_t token = 0;
  {
    const std::lock_guard held{whose_.lock()};
    token = next_token_++;
    asked_[token];
    wire::send(whose_.port(), whose_.scheduler(), wire::store_allocate{token, id, value.size()});
    whose_.flush();
  }
  const answer granted = await_answer(token);
  const auto room = maps_->extents.writable(granted.where);
  if (room.size() < value.size()) {
    {
      const std::lock_guard held{whose_.lock()};
      wire::send(whose_.port(), whose_.scheduler(), wire::store_free{id, granted.where});
    }
    throw_error(
        core::make_error(wire::error_code::store_full, whose_.self(),
                         "the memory of the node's store can't be mapped into this process: "
                         "raise its limit of address space or of mappings"));
  }
  value.copy_to(room.data());
  return granted.where;
}

store_client::answer store_client::await_answer(std::uint64_t token) {
  // In place, also on a fiber: the scheduler answers at once, but for a fetch, see `read`.
  if (!whose_.wait_until([&] { return asked_.at(token).has_value(); })) process::require();
  const std::lock_guard held{whose_.lock()};
  answer got = std::move(*asked_.extract(token).mapped());
  if (!got.error.empty()) {
    wire::reader from{got.error};
    throw_error(wire::decode_part<wire::error_value>(from));
  }
  return got;
}

std::optional<wire::location> store_client::copy_here(const core::object& stored) const {
  if (stored.where().node == whose_.self().node()) return stored.where();
  if (stored.extras) {
    for (const auto& copy : stored.extras->copies)
      if (copy.node == whose_.self().node()) return copy;
  }
  return std::nullopt;
}

std::span<const std::byte> store_client::read(core::object& stored) {
  std::uint64_t token = 0;
  std::optional<wire::location> here;
  {
    const std::lock_guard held{whose_.lock()};
    here = copy_here(stored);
    if (!here) {
      token = next_token_++;
      asked_[token];
      wire::send(whose_.port(), whose_.scheduler(),
                 wire::store_fetch{token, stored.id, stored.where()});
      whose_.flush();
    }
  }
  if (!here) {
    here = await_answer(token).where;
    const std::lock_guard held{whose_.lock()};
    // The owner hears of the copy from the scheduler that made it.
    if (!stored.owned) stored.at = *here;
  }
  return read_here(*here);
}

std::span<const std::byte> store_client::read_here(const wire::location& where) {
  const auto bytes = maps_->extents.readable(where);
  if (bytes.size() != where.size_bytes) {
    throw_error(core::make_error(wire::error_code::object_lost, whose_.self(),
                                 "the memory that holds the object can't be mapped into this "
                                 "process: raise its limit of address space or of mappings"));
  }
  return bytes;
}

void store_client::on_message(wire::blob message) {
  if (const auto grant = wire::decode<wire::store_grant>(message)) {
    if (const auto at = asked_.find(grant->token); at != asked_.end())
      at->second = answer{grant->where, {grant->error.begin(), grant->error.end()}};
  } else if (const auto fetched = wire::decode<wire::store_fetched>(message)) {
    if (const auto at = asked_.find(fetched->token); at != asked_.end())
      at->second = answer{fetched->where, {fetched->error.begin(), fetched->error.end()}};
  }
}

}  // namespace mobula::detail
