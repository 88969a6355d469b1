#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

#include "mobula/codec.hpp"
#include "mobula/detail/api.hpp"
#include "mobula/detail/arrays.hpp"
#include "mobula/detail/form.hpp"
#include "mobula/options.hpp"

namespace MOBULA_API mobula {

/// Elements in a row that are born in the node's object store, written in place, and given away
/// without a copy: by put, as an argument or as a result, also inside containers and structs. From
/// then on nobody changes them; every process of a node reads the same memory, as a
/// shared_array<const T>. A write through a pointer that was kept ends the process that writes,
/// where the array is of 2 MiB or more (before Linux 5.13 in builds of Mobula for debugging alone);
/// of a smaller one such builds tell when it is freed or sent.
///
/// Move-only. One that was moved from or default-made has no elements; giving it away throws. The
/// elements begin at a multiple of 64 bytes and are not initialised unless a value is given.
/// Thread-safe as a std::vector is. What was not given away goes with its array. May outlive the
/// runtime: then it can be written and destroyed, not given away.
/// @tparam T  trivially copyable, without pointers
template <class T>
class shared_array {
  static_assert(!std::is_reference_v<T> && std::is_trivially_copyable_v<T>,
                "mobula: a shared_array's elements must be trivially copyable: other processes see "
                "their bytes; put a std::vector of what is not");
  static_assert(
      !detail::points_elsewhere<T>(),
      "mobula: a shared_array's elements can't have pointers, views or references inside: "
      "what they point to is not in the processes that read them");
  static_assert(alignof(T) <= detail::array_alignment,
                "mobula: a shared_array's elements are aligned to 64 bytes at most");

 public:
  using element_type = T;
  using value_type = std::remove_cv_t<T>;
  using iterator = T*;
  using const_iterator = const T*;

  shared_array() = default;
  /// Memory for `size` elements in the node's object store; a small array's is this process's own
  /// until it is given away. Blocks while the store makes room.
  /// @throws store_full if the node has no room for it
  /// @throws timed_out if it has made none within the limit
  /// @throws error before init or after shutdown
  explicit shared_array(std::size_t size) : memory_{size, sizeof(T), forever}, size_{size} {}
  /// @param limit  anything that a time_limit is made from
  template <class Limit>
  requires(std::is_convertible_v<Limit, time_limit> && !std::is_convertible_v<Limit, T>)
      shared_array(std::size_t size, Limit limit)
      : memory_{size, sizeof(T), limit}, size_{size} {}
  /// The same, each element a copy of `value`.
  shared_array(std::size_t size, const T& value, time_limit limit = forever)
      : memory_{size, sizeof(T), limit}, size_{size} {
    std::fill(begin(), end(), value);
  }
  shared_array(shared_array&& other) noexcept
      : memory_{std::move(other.memory_)}, size_{std::exchange(other.size_, 0)} {}
  shared_array& operator=(shared_array&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~shared_array() = default;

  T* data() noexcept { return reinterpret_cast<T*>(memory_.begin()); }
  const T* data() const noexcept { return reinterpret_cast<const T*>(memory_.begin()); }
  std::size_t size() const noexcept { return size_; }
  std::size_t size_bytes() const noexcept { return size_ * sizeof(T); }
  bool empty() const noexcept { return size_ == 0; }
  iterator begin() noexcept { return data(); }
  iterator end() noexcept { return data() + size_; }
  const_iterator begin() const noexcept { return data(); }
  const_iterator end() const noexcept { return data() + size_; }
  T& operator[](std::size_t index) noexcept { return data()[index]; }
  const T& operator[](std::size_t index) const noexcept { return data()[index]; }
  T& front() noexcept { return data()[0]; }
  const T& front() const noexcept { return data()[0]; }
  T& back() noexcept { return data()[size_ - 1]; }
  const T& back() const noexcept { return data()[size_ - 1]; }

 private:
  friend struct detail::array_access;
  detail::new_array memory_;
  std::size_t size_ = 0;
};

/// Elements that nobody changes any more, read where they lie: in the store of this node.
///
/// Copies are cheap and name the same elements, which stay where they are, and alive, as long as
/// one is left. Given to a task, put, or sent inside another value, it travels as a ref does; the
/// elements are not copied. Thread-safe as an int is. May outlive the refs of its object, and the
/// runtime: the elements stay readable until the process ends.
template <class T>
class shared_array<const T> {
 public:
  using element_type = const T;
  using value_type = T;
  using iterator = const T*;
  using const_iterator = const T*;

  shared_array() = default;
  /// Seals an array, so that it can be kept and sent by copies: nobody writes it any more.
  /// @throws error if it was moved from or given away, before init or after shutdown
  shared_array(shared_array<T>&& written)
      : elements_{detail::array_access::memory_of(written).seal()} {
    written = {};
  }

  const T* data() const noexcept { return reinterpret_cast<const T*>(elements_.begin); }
  std::size_t size() const noexcept { return elements_.count; }
  std::size_t size_bytes() const noexcept { return elements_.count * sizeof(T); }
  bool empty() const noexcept { return elements_.count == 0; }
  iterator begin() const noexcept { return data(); }
  iterator end() const noexcept { return data() + size(); }
  const T& operator[](std::size_t index) const noexcept { return data()[index]; }
  const T& front() const noexcept { return data()[0]; }
  const T& back() const noexcept { return data()[size() - 1]; }

 private:
  friend struct detail::array_access;
  explicit shared_array(detail::sealed_elements elements) : elements_{std::move(elements)} {}

  detail::sealed_elements elements_;
};

namespace detail {

template <class T>
struct codec<shared_array<T>> : codec_defaults {
  static constexpr std::size_t size_min = sizeof(std::uint64_t);

  static void encode(encoder& to, const shared_array<T>& array) {
    write_elements(to, array_access::memory_of(array), array.size(), sizeof(T));
  }
  static shared_array<T> decode(decoder&) {
    static_assert(!sizeof(T),
                  "mobula: a shared_array<T> is received as a shared_array<const T>, which others "
                  "read too: declare it so inside what is received");
  }
};

template <class T>
struct codec<shared_array<const T>> : codec_defaults {
  static constexpr std::size_t size_min = sizeof(std::uint64_t);

  static void encode(encoder& to, const shared_array<const T>& array) {
    write_elements(to, array_access::elements_of(array), sizeof(T));
  }
  static shared_array<const T> decode(decoder& from) {
    return array_access::make<shared_array<const T>>(read_elements(from, sizeof(T)));
  }
};

}  // namespace detail
}  // namespace mobula
