#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "launch/child.hpp"
#include "wire/codec.hpp"

// What a seat and its scheduler tell each other: a kind, then the fields of one struct.

namespace mobula::launch {

enum class seat_record : std::uint8_t { join = 1, started, refused, ended, start, signal, leave };

/// The seat, first of all.
struct seat_join {
  static constexpr seat_record kind = seat_record::join;
  std::uint32_t rank = 0;
  std::string token;
  static void fields(auto& visit, auto& self) {
    visit(self.rank);
    visit(self.token);
  }
};

/// The seat: the child runs. With it travels the descriptor that is readable when it has ended, so
/// that its end can be seen even where the seat has died.
struct seat_started {
  static constexpr seat_record kind = seat_record::started;
  std::uint32_t incarnation = 0;
  std::int32_t pid = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.incarnation);
    visit(self.pid);
  }
};

/// The seat: the child could not be started.
struct seat_refused {
  static constexpr seat_record kind = seat_record::refused;
  std::uint32_t incarnation = 0;
  std::string why;
  static void fields(auto& visit, auto& self) {
    visit(self.incarnation);
    visit(self.why);
  }
};

/// The seat: the child has ended, certainly.
struct seat_ended {
  static constexpr seat_record kind = seat_record::ended;
  std::uint32_t incarnation = 0;
  exit_status::how end = exit_status::how::unknown;
  std::int32_t number = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.incarnation);
    visit(self.end);
    visit(self.number);
  }
};

/// The scheduler: start a child.
struct seat_start {
  static constexpr seat_record kind = seat_record::start;
  std::uint32_t incarnation = 0;
  std::string text;
  environment variables;
  std::string threads;  // where it may run, in the kernel's notation; empty: as the seat says
  static void fields(auto& visit, auto& self) {
    visit(self.incarnation);
    visit(self.text);
    visit(self.variables);
    visit(self.threads);
  }
};

/// The scheduler: send a child a signal.
struct seat_signal {
  static constexpr seat_record kind = seat_record::signal;
  std::uint32_t incarnation = 0;
  std::int32_t number = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.incarnation);
    visit(self.number);
  }
};

/// The scheduler: all is done, the rank may leave.
struct seat_leave {
  static constexpr seat_record kind = seat_record::leave;
  static void fields(auto&, auto&) {}
};

template <class Record>
std::string encode_record(const Record& record) {
  std::string bytes(1 + wire::encoded_size(record), static_cast<char>(Record::kind));
  wire::writer room{reinterpret_cast<std::byte*>(bytes.data()) + 1};
  wire::encode_part(room, record);
  return bytes;
}

/// The record, or nothing if the bytes are not exactly one of that kind.
template <class Record>
std::optional<Record> decode_record(const std::string& bytes) {
  if (bytes.empty() || static_cast<seat_record>(bytes[0]) != Record::kind) return std::nullopt;
  wire::reader from{wire::as_blob(bytes).subspan(1)};
  Record record = wire::decode_part<Record>(from);
  if (!from.finished()) return std::nullopt;
  return record;
}

}  // namespace mobula::launch
