#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "wire/codec.hpp"
#include "wire/messages.hpp"

namespace mobula::core {

/// An error as it travels and as failed objects keep it.
inline std::vector<std::byte> encoded(const wire::error_value& error) {
  std::vector<std::byte> bytes(wire::encoded_size(error));
  wire::writer room{bytes.data()};
  wire::encode_part(room, error);
  return bytes;
}

inline wire::error_value make_error(wire::error_code code, wire::process_id where,
                                    std::string what) {
  wire::error_value error;
  error.code = code;
  error.process = where;
  error.what = std::move(what);
  return error;
}

/// Of the encoded error of a fetch: whether another place may have the object. One that has it no
/// more says nothing about others; a full store, or an owner that has ended, is the same wherever
/// it comes from.
inline bool is_elsewhere_perhaps(wire::blob error) {
  wire::reader from{error};
  return wire::decode_part<wire::error_value>(from).code == wire::error_code::object_lost;
}

/// "2.1" for incarnation 1 of node 2: how a process is named to people.
inline std::string name_of(wire::process_id process) {
  if (!process) return "nobody";
  if (process.is_scheduler()) return "the scheduler of node " + std::to_string(process.node());
  return "process " + std::to_string(process.node()) + "." + std::to_string(process.incarnation());
}

}  // namespace mobula::core
