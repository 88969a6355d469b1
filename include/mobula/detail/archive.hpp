#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "mobula/detail/api.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/detail/form.hpp"

// The archives that a user's `serialize` meets. They model Boost.Serialization's Archive concept;
// none of its headers is needed, and those that the user includes fit.

namespace boost::serialization {
template <class T>
class array_wrapper;
template <class T>
struct version;
}  // namespace boost::serialization
namespace boost::archive::detail {
template <class Archive, class T>
class iserializer;
}

namespace MOBULA_API mobula {
namespace detail {

/// Stands for an archive where Boost lets one class call a private `serialize`.
struct boost_door;

}  // namespace detail
}  // namespace mobula

/// A friend of boost::serialization::access, which is the friend of the user's class.
template <class T>
class boost::archive::detail::iserializer<mobula::detail::boost_door, T> {
 public:
  template <class Access, class Archive>
  static void serialize(Archive& archive, T& value, unsigned version) {
    Access::serialize(archive, value, version);
  }
};

namespace MOBULA_API mobula {
namespace detail {

template <class T>
struct codec;
template <class T>
void encode(encoder& to, const T& value);
template <class T>
T decode(decoder& from);

/// The number that BOOST_CLASS_VERSION gave, or 0.
template <class T>
constexpr unsigned version_of() {
  if constexpr (requires { boost::serialization::version<T>::value; }) {
    return static_cast<unsigned>(boost::serialization::version<T>::value);
  } else {
    return 0;
  }
}

template <class Archive, class T>
void call_free_serialize(Archive& archive, T& value, unsigned version) {
  serialize(archive, value, version);
}

template <class Access, class Archive, class T>
void call_serialize(Archive& archive, T& value) {
  if constexpr (!has_member_serialize<T>()) {
    call_free_serialize(archive, value, version_of<T>());
  } else if constexpr (requires { value.serialize(archive, 0U); }) {
    value.serialize(archive, version_of<T>());
  } else {
    boost::archive::detail::iserializer<boost_door, T>::template serialize<Access>(archive, value,
                                                                                   version_of<T>());
  }
}

template <class T>
concept named_value = requires(const T& pair) {
  { pair.name() } -> std::same_as<const char*>;
  pair.value();
  pair.const_value();
};

template <class T>
inline constexpr bool is_array_wrapper = false;
template <class T>
inline constexpr bool is_array_wrapper<boost::serialization::array_wrapper<T>> = true;

/// Writes what `serialize` names. A template on Boost's `access`, so that functions in Boost's
/// namespace are found for it.
template <class Access>
class basic_output_archive {
 public:
  using is_saving = std::true_type;
  using is_loading = std::false_type;

  explicit basic_output_archive(encoder& to) : to_{to} {}

  template <class T>
  basic_output_archive& operator<<(const T& field) {
    if constexpr (named_value<T>) {
      *this << field.const_value();
    } else if constexpr (is_array_wrapper<T>) {
      for (std::size_t i = 0; i < field.count(); ++i) *this << field.address()[i];
    } else if constexpr (std::is_array_v<T>) {
      for (const auto& element : field) *this << element;
    } else if constexpr (codec<T>::is_own) {
      // Boost's interface has one function for both ways; it doesn't change what it saves.
      call_serialize<Access>(*this, const_cast<T&>(field));
    } else {
      encode<T>(to_, field);
    }
    return *this;
  }
  template <class T>
  basic_output_archive& operator&(const T& field) {
    return *this << field;
  }
  void save_binary(const void* bytes, std::size_t size) { to_.write(bytes, size); }
  template <class T>
  void register_type(const T* = nullptr) {}
  unsigned get_library_version() const { return 0; }

 private:
  encoder& to_;
};

/// Reads what `serialize` names.
template <class Access>
class basic_input_archive {
 public:
  using is_saving = std::false_type;
  using is_loading = std::true_type;

  explicit basic_input_archive(decoder& from) : from_{from} {}

  template <class T>
  basic_input_archive& operator>>(T&& field) {
    using type = std::remove_cvref_t<T>;
    if constexpr (named_value<type>) {
      *this >> field.value();
    } else if constexpr (is_array_wrapper<type>) {
      for (std::size_t i = 0; i < field.count(); ++i) *this >> field.address()[i];
    } else if constexpr (std::is_array_v<type>) {
      for (auto& element : field) *this >> element;
    } else if constexpr (codec<type>::is_own) {
      // Wrappers come as constant temporaries; what they name is what changes.
      using field_type = std::conditional_t<std::is_lvalue_reference_v<T>, T, type&>;
      call_serialize<Access>(*this, const_cast<field_type>(field));
    } else {
      field = decode<type>(from_);
    }
    return *this;
  }
  template <class T>
  basic_input_archive& operator&(T&& field) {
    return *this >> static_cast<T&&>(field);
  }
  void load_binary(void* bytes, std::size_t size) {
    if (size != 0) std::memcpy(bytes, from_.read(size), size);
  }
  template <class T>
  void register_type(T* = nullptr) {}
  unsigned get_library_version() const { return 0; }
  void reset_object_address(const void*, const void*) {}

 private:
  decoder& from_;
};

using output_archive = basic_output_archive<boost::serialization::access>;
using input_archive = basic_input_archive<boost::serialization::access>;

}  // namespace detail
}  // namespace mobula
