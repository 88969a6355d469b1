#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "wire/codec.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

/// An outbox that keeps what is sent, for tests to look at.
class sent_messages final : public wire::outbox {
 public:
  struct sent {
    wire::process_id to;
    std::vector<std::byte> bytes;
  };
  std::byte* begin(wire::process_id to, std::size_t size) override {
    all_.push_back({to, std::vector<std::byte>(size)});
    return all_.back().bytes.data();
  }
  void commit() override {}

  /// Takes out the first message of that type; its views last until the next `take`.
  template <class Message>
  std::optional<Message> take(wire::process_id* to = nullptr) {
    for (auto at = all_.begin(); at != all_.end(); ++at) {
      auto message = wire::decode<Message>(at->bytes);
      if (!message) continue;
      taken_ = std::move(*at);
      all_.erase(at);
      if (to) *to = taken_.to;
      return wire::decode<Message>(taken_.bytes);
    }
    return std::nullopt;
  }
  template <class Message>
  std::size_t count() const {
    std::size_t found = 0;
    for (const sent& one : all_) found += wire::type_of(one.bytes) == Message::type;
    return found;
  }
  std::optional<sent> take_first() {
    if (all_.empty()) return std::nullopt;
    sent first = std::move(all_.front());
    all_.pop_front();
    return first;
  }
  bool empty() const { return all_.empty(); }
  void clear() { all_.clear(); }

 private:
  std::deque<sent> all_;
  sent taken_;
};

/// A message as a transport would bring it.
template <class Message>
std::vector<std::byte> encoded(const Message& message) {
  return wire::bytes_of(message);
}

/// A part of one, for its fields of bytes.
template <class Part>
std::vector<std::byte> encoded_part(const Part& part) {
  std::vector<std::byte> bytes(wire::encoded_size(part));
  wire::writer room{bytes.data()};
  wire::encode_part(room, part);
  return bytes;
}

}  // namespace mobula::core
