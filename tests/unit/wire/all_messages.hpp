#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "wire/codec.hpp"
#include "wire/group_messages.hpp"
#include "wire/membership_messages.hpp"
#include "wire/reading_messages.hpp"
#include "wire/store_messages.hpp"
#include "wire/wait_messages.hpp"

// Every message, by name, and a way to fill all its fields with bytes that tell them apart.

namespace mobula::wire {

/// Calls `visit.template operator()<Message>("name")` for each message there is.
void for_each_message(auto&& visit) {
#define MOBULA_VISIT(message) visit.template operator()<message>(#message)
  MOBULA_VISIT(task_push);
  MOBULA_VISIT(task_done);
  MOBULA_VISIT(task_return);
  MOBULA_VISIT(task_reclaim);
  MOBULA_VISIT(actor_call);
  MOBULA_VISIT(actor_end);
  MOBULA_VISIT(lease_request);
  MOBULA_VISIT(lease_update);
  MOBULA_VISIT(lease_queued);
  MOBULA_VISIT(lease_grant);
  MOBULA_VISIT(lease_refuse);
  MOBULA_VISIT(lease_return);
  MOBULA_VISIT(lease_recall);
  MOBULA_VISIT(lease_lost);
  MOBULA_VISIT(lease_revoke);
  MOBULA_VISIT(lease_over);
  MOBULA_VISIT(cpus_lend);
  MOBULA_VISIT(cpus_claim);
  MOBULA_VISIT(cpus_grant);
  MOBULA_VISIT(worker_retire);
  MOBULA_VISIT(group_create);
  MOBULA_VISIT(group_ready);
  MOBULA_VISIT(group_remove);
  MOBULA_VISIT(group_removed);
  MOBULA_VISIT(bundle_wanted);
  MOBULA_VISIT(bundle_room);
  MOBULA_VISIT(object_subscribe);
  MOBULA_VISIT(object_ready);
  MOBULA_VISIT(borrow_add);
  MOBULA_VISIT(borrow_ack);
  MOBULA_VISIT(borrow_release);
  MOBULA_VISIT(store_allocate);
  MOBULA_VISIT(store_grant);
  MOBULA_VISIT(store_free);
  MOBULA_VISIT(store_fetch);
  MOBULA_VISIT(store_fetched);
  MOBULA_VISIT(store_read);
  MOBULA_VISIT(store_part);
  MOBULA_VISIT(replica_add);
  MOBULA_VISIT(store_sealed);
  MOBULA_VISIT(store_orphan);
  MOBULA_VISIT(store_made);
  MOBULA_VISIT(store_return);
  MOBULA_VISIT(store_freed);
  MOBULA_VISIT(store_query);
  MOBULA_VISIT(store_reply);
  MOBULA_VISIT(store_offer);
  MOBULA_VISIT(store_keep);
  MOBULA_VISIT(store_pin);
  MOBULA_VISIT(store_pinned);
  MOBULA_VISIT(store_unpin);
  MOBULA_VISIT(key_revoke);
  MOBULA_VISIT(process_ended);
  MOBULA_VISIT(shutdown);
  MOBULA_VISIT(shutdown_done);
  MOBULA_VISIT(nodes_query);
  MOBULA_VISIT(nodes_reply);
  MOBULA_VISIT(free_amounts);
  MOBULA_VISIT(heartbeat);
  MOBULA_VISIT(node_silent);
  MOBULA_VISIT(wait_query);
  MOBULA_VISIT(wait_reply);
#undef MOBULA_VISIT
}

/// A visitor that gives each byte of each field the next number, lists two elements, enums their
/// second value.
class fill {
 public:
  void operator()(bool& field) { field = true; }
  template <visitors::plain T>
  void operator()(T& field) {
    if constexpr (std::is_enum_v<T>) {
      field = static_cast<T>(2);
    } else {
      std::array<std::uint8_t, sizeof(T)> bytes;
      for (auto& byte : bytes) byte = ++last_;
      std::memcpy(static_cast<void*>(&field), bytes.data(), sizeof field);
    }
  }
  void operator()(blob& field) { field = as_blob("blob"); }
  void operator()(std::string_view& field) { field = "view"; }
  void operator()(std::string& field) { field = "string"; }
  void operator()(resource_amounts& field) {
    visitors::amounts_fields(*this, field);
    field.custom = {{"fpga", 1}, {"ssd", 2}};
    for (auto& [name, amount] : field.custom) (*this)(amount);
  }
  template <class T>
  void operator()(std::vector<T>& field) {
    field.resize(2);
    for (T& one : field) {
      if constexpr (requires { T::fields(*this, one); }) {
        T::fields(*this, one);
      } else {
        (*this)(one);
      }
    }
  }

 private:
  std::uint8_t last_ = 0;
};

template <class Message>
Message filled() {
  Message message;
  fill fill;
  Message::fields(fill, message);
  return message;
}

/// The message as it travels.
template <class Message>
std::vector<std::byte> encoded(const Message& message) {
  std::vector<std::byte> bytes(sizeof(message_type) + encoded_size(message));
  writer room{bytes.data()};
  room.number(Message::type);
  encode_part(room, message);
  return room.written() == bytes.size() ? bytes : std::vector<std::byte>{};
}

}  // namespace mobula::wire
