#pragma once

#include <cstddef>
#include <string>

#include "mobula/mobula.hpp"

// A backend for tests of the public headers: tasks run where they are submitted, before submit
// returns; nothing ever blocks. Arguments and values are encoded and decoded as in earnest.

namespace mobula::in_place {

/// What the backend was last asked for.
struct last_request {
  std::string function;
  bool had_options = false;
  task_options task;
  actor_options actor;
  call_options call;
  std::size_t ref_count = 0;
  std::size_t argument_bytes = 0;
  std::uint32_t result_count = 0;
  bool result_is_list = false;
};
const last_request& last();

/// Objects that are alive.
std::size_t objects();

/// An object that nothing makes; `complete` makes it ready.
object_ref<int> pending();
void complete(const object_ref<int>& ref, int value);

/// What was written.
std::string text_of(detail::encoder& written);

/// The bytes that encode a value, and a value from bytes.
template <class T>
std::string bytes_of(const T& value) {
  detail::encoder to;
  detail::encode<T>(to, value);
  return text_of(to);
}
template <class T>
T from_bytes(const std::string& bytes) {
  detail::decoder from{std::as_bytes(std::span{bytes})};
  T value = detail::decode<T>(from);
  if (from.left() != 0) throw error("bytes are left");
  return value;
}
template <class T>
T there_and_back(const T& value) {
  return from_bytes<T>(bytes_of(value));
}

}  // namespace mobula::in_place
