#pragma once

#include <concepts>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/invariant.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

// Derives size, encoding and checked decoding of every message from its `fields`.

namespace mobula::wire {

namespace visitors {

template <class T>
concept plain =
    std::is_trivially_copyable_v<T> && !std::same_as<T, blob> && !std::same_as<T, std::string_view>;

class size_of {
 public:
  void operator()(const plain auto& field) { size_ += sizeof field; }
  void operator()(const blob& field) {
    // A size travels in 32 bits: what is larger belongs into the store.
    insist(field.size() <= 0xffff'ffffU, "a field of a message is less than 4 GiB", field.size());
    size_ += sizeof(std::uint32_t) + field.size();
  }
  void operator()(const std::string_view& field) { (*this)(as_blob(field)); }
  void operator()(const std::string& field) { (*this)(as_blob(field)); }
  void operator()(const resource_amounts& field);
  template <class T>
  void operator()(const std::vector<T>& field) {
    size_ += sizeof(std::uint32_t);
    for (const T& one : field) part(one);
  }
  std::size_t size() const { return size_; }

 private:
  template <class T>
  void part(const T& one) {
    if constexpr (requires { T::fields(*this, one); }) {
      T::fields(*this, one);
    } else {
      (*this)(one);
    }
  }
  std::size_t size_ = 0;
};

class write {
 public:
  explicit write(writer& out) : out_{out} {}
  void operator()(const plain auto& field) { out_.number(field); }
  void operator()(const blob& field) {
    out_.number(static_cast<std::uint32_t>(field.size()));
    out_.raw(field);
  }
  void operator()(const std::string_view& field) { (*this)(as_blob(field)); }
  void operator()(const std::string& field) { (*this)(as_blob(field)); }
  void operator()(const resource_amounts& field);
  template <class T>
  void operator()(const std::vector<T>& field) {
    out_.number(static_cast<std::uint32_t>(field.size()));
    for (const T& one : field) part(one);
  }

 private:
  template <class T>
  void part(const T& one) {
    if constexpr (requires { T::fields(*this, one); }) {
      T::fields(*this, one);
    } else {
      (*this)(one);
    }
  }
  writer& out_;
};

class read {
 public:
  explicit read(reader& in) : in_{in} {}
  void operator()(plain auto& field) {
    field = in_.number<std::remove_reference_t<decltype(field)>>();
    if constexpr (requires { is_known(field); }) {
      // After a failure everything reads as zero, which need not be an enumerator.
      if (!in_.failed() && !is_known(field)) in_.fail();
    }
  }
  void operator()(bool& field) { field = in_.number<std::uint8_t>() != 0; }
  void operator()(blob& field) { field = in_.raw(in_.number<std::uint32_t>()); }
  void operator()(std::string_view& field) {
    field = as_text(in_.raw(in_.number<std::uint32_t>()));
  }
  void operator()(std::string& field) { field = as_text(in_.raw(in_.number<std::uint32_t>())); }
  void operator()(resource_amounts& field);
  template <class T>
  void operator()(std::vector<T>& field) {
    const auto count = in_.number<std::uint32_t>();
    // Each element takes at least a byte: a count beyond the rest is garbage, not a reservation.
    if (count > in_.rest().size()) return in_.fail();
    field.clear();
    for (std::uint32_t i = 0; i < count && !in_.failed(); ++i) part(field.emplace_back());
  }

 private:
  template <class T>
  void part(T& one) {
    if constexpr (requires { T::fields(*this, one); }) {
      T::fields(*this, one);
    } else {
      (*this)(one);
    }
  }
  reader& in_;
};

template <class Visitor, class Amounts>
void amounts_fields(Visitor& visit, Amounts& amounts) {
  visit(amounts.cpus);
  visit(amounts.gpus);
  visit(amounts.memory_bytes);
}

inline void size_of::operator()(const resource_amounts& field) {
  amounts_fields(*this, field);
  size_ += sizeof(std::uint32_t);
  for (const auto& [name, amount] : field.custom) {
    (*this)(name);
    (*this)(amount);
  }
}
inline void write::operator()(const resource_amounts& field) {
  amounts_fields(*this, field);
  out_.number(static_cast<std::uint32_t>(field.custom.size()));
  for (const auto& [name, amount] : field.custom) {
    (*this)(name);
    (*this)(amount);
  }
}
inline void read::operator()(resource_amounts& field) {
  amounts_fields(*this, field);
  const auto count = in_.number<std::uint32_t>();
  if (count > in_.rest().size()) return in_.fail();
  field.custom.clear();
  for (std::uint32_t i = 0; i < count && !in_.failed(); ++i) {
    auto& [name, amount] = field.custom.emplace_back();
    (*this)(name);
    (*this)(amount);
  }
}

}  // namespace visitors

/// Bytes of one part (a value_view, an error_value ...) or of a message without its type.
template <class Part>
std::size_t encoded_size(const Part& part) {
  visitors::size_of size;
  Part::fields(size, part);
  return size.size();
}

/// Appends one part; `room` has encoded_size(part) bytes left.
template <class Part>
void encode_part(writer& room, const Part& part) {
  visitors::write write{room};
  Part::fields(write, part);
}

/// Takes one part off `from`; `from.failed()` tells whether it was there whole.
template <class Part>
Part decode_part(reader& from) {
  Part part;
  visitors::read read{from};
  Part::fields(read, part);
  return part;
}

/// Sends a message: encoded straight into the outbox's room.
template <class Message>
void send(outbox& out, process_id to, const Message& message) {
  const std::size_t size = sizeof(message_type) + encoded_size(message);
  writer room{out.begin(to, size)};
  room.number(Message::type);
  encode_part(room, message);
  out.commit();
}

/// A message as it is sent.
template <class Message>
std::vector<std::byte> bytes_of(const Message& message) {
  std::vector<std::byte> bytes(sizeof(message_type) + encoded_size(message));
  writer room{bytes.data()};
  room.number(Message::type);
  encode_part(room, message);
  return bytes;
}

/// The type of an encoded message; 0 if there is none.
inline message_type type_of(blob message) { return reader{message}.number<message_type>(); }

/// The message, or nothing if the bytes are not exactly one of that type.
template <class Message>
std::optional<Message> decode(blob bytes) {
  reader from{bytes};
  if (from.number<message_type>() != Message::type) return std::nullopt;
  Message message = decode_part<Message>(from);
  if (!from.finished()) return std::nullopt;
  return message;
}

/// As `decode`, into a message that is made already; what the bytes leave out keeps its value.
/// @returns whether the bytes are exactly one such message; if not, `into` is anything
template <class Message>
bool decode_into(Message& into, blob bytes) {
  reader from{bytes};
  if (from.number<message_type>() != Message::type) return false;
  visitors::read read{from};
  Message::fields(read, into);
  return from.finished();
}

/// A list of object ids as it travels: 16 bytes each, one after the other.
class id_list {
 public:
  explicit id_list(blob bytes) : bytes_{bytes} {}
  std::size_t size() const { return bytes_.size() / sizeof(object_id); }
  bool well_formed() const { return bytes_.size() % sizeof(object_id) == 0; }
  object_id operator[](std::size_t i) const {
    object_id id;
    std::memcpy(&id, bytes_.data() + i * sizeof id, sizeof id);
    return id;
  }

 private:
  blob bytes_;
};

}  // namespace mobula::wire
