#pragma once

#include <type_traits>
#include <utility>

#include "mobula/detail/api.hpp"
#include "mobula/detail/call.hpp"
#include "mobula/object_ref.hpp"
#include "mobula/options.hpp"

namespace MOBULA_API mobula {

namespace detail {

// There is room for it already.
template <class Array>
object_ref<std::remove_cvref_t<Array>> put_array(Array&& array) {
  using given = std::remove_cvref_t<Array>;
  static_assert(!is_new_array<given> || !std::is_reference_v<Array>,
                "mobula: a shared_array that is being written can't be copied: put(std::move(it)); "
                "nobody writes it from then on");
  encoder bytes;
  handle object = array_access::object_of(array);
  if (!object.get()) {
    encode<given>(bytes, array);
    object = handle{put(bytes)};
  }
  if constexpr (is_new_array<given>) array = given{};
  return access::make<object_ref<given>>(std::move(object));
}

}  // namespace detail

/// Makes an object of a value: any number of tasks can be given its ref, and each node holds it
/// once. The value is copied; literals and string views become a std::string, spans a std::vector.
///
/// A shared_array is moved in, and not copied: it is sealed, and nobody writes it any more. So are
/// those inside of a container that is moved in, and of a struct. The ref of a
/// shared_array<const T> is one of the object that it shows already.
///
/// Thread-safe. Blocks only where there is no room in the node's store.
/// @throws error before init or after shutdown
/// @throws store_full if the node can't make room
/// @throws timed_out if it has made none within the limit
template <class Value>
auto put(Value&& value, time_limit limit = forever) {
  using given = std::decay_t<Value>;
  if constexpr (detail::is_shared_array<given>) {
    return detail::put_array(std::forward<Value>(value));
  } else {
    detail::check_gives_away<Value&&>();
    using stored = typename detail::stored_as<given>::type;
    using written = detail::parameter_of<detail::written_as<given, stored>>;
    detail::encoder bytes;
    const auto write = [&] { written::write(bytes, std::forward<Value>(value)); };
    bytes.write_with<written::template repeats<Value> && !detail::is_small<stored>>(write);
    return detail::access::adopt<object_ref<stored>>(
        detail::put(bytes, detail::deadline_of(limit)));
  }
}

}  // namespace mobula
