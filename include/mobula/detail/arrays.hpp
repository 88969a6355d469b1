#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "mobula/detail/api.hpp"
#include "mobula/detail/backend.hpp"

// Arrays in the object store, without types: the compiled part of shared_array. Not for users.
//
// An array travels as a word, whose two highest bits say how and whose others are the count:
//   here    its elements follow: a small one; in a file, of whatever size
//   whole   the value is this array and nothing else: the elements begin 56 bytes after the word
//   named   the ref follows of an object that is the array
// A vector's word has neither bit, so that a span can be read from either.

namespace MOBULA_API mobula {
template <class T>
class shared_array;
template <class T>
class object_ref;

namespace detail {

/// Where a sealed array's elements are, and what keeps them there.
struct sealed_elements {
  handle object;  // the array's own; empty for a small one
  std::shared_ptr<const void>
      keeper;  // a small one's elements, or what keeps others where they are
  const std::byte* begin = nullptr;
  std::size_t count = 0;
};

/// Memory for an array that this process alone writes, until it is sealed. Move-only; goes with
/// this unless it was sealed.
class new_array {
 public:
  new_array() = default;
  /// @throws store_full, timed_out, error
  new_array(std::size_t count, std::size_t element_bytes, const time_limit& limit);
  new_array(new_array&& other) noexcept
      : memory_{std::exchange(other.memory_, nullptr)},
        begin_{std::exchange(other.begin_, nullptr)} {}
  new_array& operator=(new_array other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(begin_, other.begin_);
    return *this;
  }
  ~new_array() {
    if (memory_) discard();
  }

  std::byte* begin() const noexcept { return begin_; }
  /// Whether it travels in messages, as part of other values: then it is no object of its own.
  /// @throws error if it was moved from or given away, or its runtime has ended
  bool is_small() const;
  /// The object that it is from now on. @throws error
  handle seal_as_object() const;
  /// How it is read from now on. @throws error
  sealed_elements seal() const;

 private:
  struct memory;
  friend struct array_rooms;
  memory& checked() const;
  void discard() noexcept;

  memory* memory_ = nullptr;
  std::byte* begin_ = nullptr;
};

/// Writes an array as part of a value: sealed, and named there; a small one as it is.
/// @throws error
void write_elements(encoder& to, const new_array& array, std::size_t count,
                    std::size_t element_bytes);
/// The same of one that is sealed already.
void write_elements(encoder& to, const sealed_elements& array, std::size_t element_bytes);
/// Reads an array, however it travelled; waits for one that is named to be brought to this node,
/// within the deadline of the value around it.
/// @throws what stands in the place of a named one
sealed_elements read_elements(decoder& from, std::size_t element_bytes);
/// The same, its word having been read.
sealed_elements read_elements(decoder& from, std::uint64_t word, std::size_t element_bytes);

/// What an array of more bytes than this is born in is the object store.
inline constexpr std::size_t small_array_bytes_max =
    (std::size_t{32} << 10) - sizeof(std::uint64_t);

/// Elements begin at a multiple of this, wherever they are.
inline constexpr std::size_t array_alignment = 64;

/// What a word says of itself beyond the count.
inline constexpr std::uint64_t array_word = std::uint64_t{3} << 62;
/// The elements follow.
inline constexpr std::uint64_t array_is_here = std::uint64_t{1} << 62;
/// What stands before the elements where they are the whole value: the word, and room up to them.
inline constexpr std::size_t array_header_bytes = 56;
std::uint64_t whole_array_word(std::size_t count);

/// The object whose value the calling thread decodes; empty where that is no object.
handle object_being_read();
/// Keeps what the calling thread decodes where it is; null where nothing moves it.
std::shared_ptr<const void> keep_what_is_read();

/// Opens arrays to the templates of these headers.
struct array_access {
  template <class T>
  static const new_array& memory_of(const shared_array<T>& array) noexcept {
    return array.memory_;
  }
  template <class T>
  static new_array& memory_of(shared_array<T>& array) noexcept {
    return array.memory_;
  }
  template <class T>
  static const sealed_elements& elements_of(const shared_array<const T>& array) noexcept {
    return array.elements_;
  }
  template <class Array>
  static Array make(sealed_elements elements) {
    return Array{std::move(elements)};
  }
  /// The object of an array that is being given away; empty if it is small.
  template <class T>
  static handle object_of(const shared_array<T>& array) {
    if constexpr (std::is_const_v<T>) {
      return array.elements_.object;
    } else {
      return array.memory_.is_small() ? handle{} : array.memory_.seal_as_object();
    }
  }
};

template <class T>
inline constexpr bool is_shared_array = false;
template <class T>
inline constexpr bool is_shared_array<shared_array<T>> = true;
template <class T>
inline constexpr bool is_new_array = false;
template <class T>
inline constexpr bool is_new_array<shared_array<T>> = !std::is_const_v<T>;

/// What a value that was sent is received as: the same, but for arrays, which nobody writes then.
template <class T>
struct received_as {
  using type = T;
};
template <class T>
using received = typename received_as<T>::type;
template <class T>
requires(!std::is_const_v<T>) struct received_as<shared_array<T>> {
  using type = shared_array<const T>;
};
template <class T>
requires(!std::is_same_v<T, received<T>>) struct received_as<std::vector<T>> {
  using type = std::vector<received<T>>;
};
template <class T>
struct received_as<std::optional<T>> {
  using type = std::optional<received<T>>;
};
template <class T, std::size_t Size>
struct received_as<std::array<T, Size>> {
  using type = std::array<received<T>, Size>;
};
template <class First, class Second>
struct received_as<std::pair<First, Second>> {
  using type = std::pair<received<First>, received<Second>>;
};
template <class... Each>
struct received_as<std::tuple<Each...>> {
  using type = std::tuple<received<Each>...>;
};
template <class Key, class T, class Compare>
requires(!std::is_same_v<T, received<T>>) struct received_as<std::map<Key, T, Compare>> {
  using type = std::map<Key, received<T>, Compare>;
};

}  // namespace detail
}  // namespace mobula
