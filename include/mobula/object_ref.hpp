#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "mobula/detail/api.hpp"
#include "mobula/detail/arrays.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/detail/codec.hpp"
#include "mobula/detail/misuse.hpp"

namespace MOBULA_API mobula {

namespace detail {
struct access;
}

/// Names one immutable remote object of type T, which may not be made yet.
///
/// Copying is cheap and sends nothing; when the last copy in a process goes, the owner hears of it.
/// A default-made one is empty: it names nothing. Different refs are equal if they name the same
/// object. Thread-safe as an int is: one object from one thread at a time, copies from any.
/// May outlive the runtime: destroying it is fine then, using it throws.
///
/// Given for a parameter `T` of a remote function it stands for its value, which the task waits
/// for; given for a parameter `object_ref<T>`, or inside a container or struct, it goes as a ref.
template <class T>
class object_ref {
  static_assert(!std::is_reference_v<T>, "mobula: an object_ref names a value, not a reference");

 public:
  using value_type = T;

  object_ref() = default;
  /// An object_ref<void> of any object: something to wait for.
  template <class Value>
  requires(std::is_void_v<T> && !std::is_void_v<Value>) object_ref(object_ref<Value> other)
  noexcept : handle_{std::move(other.handle_)} {}

  /// Of one object whose type can be said in two ways: what a shared_array<T> was is received as a
  /// shared_array<const T>.
  template <class Value>
  requires(!std::is_void_v<T> && !std::is_same_v<T, Value> &&
           std::is_same_v<detail::received<T>, detail::received<Value>>)
      object_ref(object_ref<Value> other)
  noexcept : handle_{std::move(other.handle_)} {}

  /// Whether it names an object.
  explicit operator bool() const noexcept { return handle_.get() != nullptr; }

  friend bool operator==(const object_ref& a, const object_ref& b) noexcept {
    return a.handle_.get() == b.handle_.get() || a.handle_.id() == b.handle_.id();
  }
  /// An order without a meaning, the same in all processes.
  friend std::strong_ordering operator<=>(const object_ref& a, const object_ref& b) noexcept {
    return a.handle_.id() <=> b.handle_.id();
  }

  /// For archives other than Mobula's: a ref written into a file or a socket would name nothing.
  /// @throws error always
  template <class Archive>
  void serialize(Archive&, unsigned) {
    detail::throw_foreign_archive();
  }

 private:
  friend struct detail::access;
  template <class>
  friend class object_ref;
  explicit object_ref(detail::handle handle) noexcept : handle_{std::move(handle)} {}

  detail::handle handle_;
};

namespace detail {

/// Opens refs and handles to the templates of these headers.
struct access {
  template <class Ref>
  static const handle& handle_of(const Ref& ref) noexcept {
    return ref.handle_;
  }
  /// The record, which an empty ref doesn't have. @throws error
  template <class Ref>
  static object* record_of(const Ref& ref) {
    object* record = ref.handle_.get();
    if (!record) throw_empty_ref();
    return record;
  }
  template <class Ref>
  static Ref make(handle from) noexcept {
    return Ref{std::move(from)};
  }
  template <class Ref>
  static Ref adopt(object* counted) noexcept {
    return Ref{handle{counted}};
  }
  static std::size_t hash(const handle& of) noexcept {
    const identity id = of.id();
    return static_cast<std::size_t>((id.high * 0x9e3779b97f4a7c15U ^ id.low) * 0xbf58476d1ce4e5b9U);
  }
};

template <class T>
inline constexpr bool is_object_ref = false;
template <class T>
inline constexpr bool is_object_ref<object_ref<T>> = true;

/// Refs and handles: whether there is one, then its id.
template <class Ref>
struct codec_of_refs : codec_defaults {
  static constexpr std::size_t size_min = 1;

  static void encode(encoder& to, const Ref& ref) {
    to.number<bool>(static_cast<bool>(ref));
    if (ref) to.ref(access::handle_of(ref));
  }
  static Ref decode(decoder& from) {
    if (from.number<std::uint8_t>() == 0) return Ref{};
    return access::make<Ref>(from.ref());
  }
};

template <class T>
struct codec<object_ref<T>> : codec_of_refs<object_ref<T>> {};

}  // namespace detail
}  // namespace mobula

template <class T>
struct std::hash<mobula::object_ref<T>> {
  std::size_t operator()(const mobula::object_ref<T>& ref) const noexcept {
    return mobula::detail::access::hash(mobula::detail::access::handle_of(ref));
  }
};
