#pragma once

#include <cstddef>
#include <string>
#include <string_view>
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

/// "2.1" for incarnation 1 of node 2: how a process is named to people.
inline std::string name_of(wire::process_id process) {
  if (!process) return "nobody";
  if (process.is_scheduler()) return "the scheduler of node " + std::to_string(process.node());
  return "process " + std::to_string(process.node()) + "." + std::to_string(process.incarnation());
}

inline wire::error_value owner_died(wire::process_id owner) {
  return make_error(wire::error_code::owner_died, owner,
                    name_of(owner) + ", which owned the object, has ended");
}

/// @param why  goes on after "node 3, which held it, "
inline wire::error_value object_lost(wire::process_id where, wire::process_id owner,
                                     wire::node_id holder, std::string_view why) {
  return make_error(wire::error_code::object_lost, where,
                    "an object of " + name_of(owner) + " is lost: node " + std::to_string(holder) +
                        ", which held it, " + std::string{why});
}

}  // namespace mobula::core
