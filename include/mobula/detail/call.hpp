#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mobula/codec.hpp"
#include "mobula/detail/api.hpp"
#include "mobula/detail/arrays.hpp"
#include "mobula/detail/backend.hpp"

// How the parameters of remote functions are written by callers and read by those who run them.

namespace MOBULA_API mobula {
namespace detail {

template <class... Each>
struct type_list {
  static constexpr std::size_t size = sizeof...(Each);
};

/// Its bytes are all of it, and few: they are written once, wherever it goes.
template <class T>
inline constexpr bool is_small = codec<T>::as_bytes && sizeof(T) < encoder::kept_bytes_min;

/// Writes a value that lasts until the encoder has been read: no large part of it is copied here.
template <class T>
void encode_lasting(encoder& to, const T& value) {
  if constexpr (is_small<T>) {
    encode<T>(to, value);
  } else {
    const lasting large_parts{to};
    encode<T>(to, value);
  }
}

/// Writes a value that is all of an object: an array's memory becomes the object's.
template <class T>
void encode_whole(encoder& to, const T& value) {
  if constexpr (is_new_array<T>) {
    const new_array& memory = array_access::memory_of(value);
    if (!memory.is_small()) return to.become(memory);
  }
  encode_lasting<T>(to, value);
}

/// One parameter of a remote function, as declared: what travels for it, and what it is given.
template <class Declared>
struct parameter {
  using stored = std::remove_cvref_t<Declared>;
  static_assert(!is_pointer<stored>,
                "mobula: a remote function can't take a pointer: it runs in another process; take "
                "the value, a std::span<const T> or a std::string_view");
  static_assert(!std::is_lvalue_reference_v<Declared> ||
                    std::is_const_v<std::remove_reference_t<Declared>>,
                "mobula: a remote function can't take a non-const reference: the caller would not "
                "see what it changes; return the new value");
  static_assert(!is_new_array<stored>,
                "mobula: a remote function can't take a shared_array<T> to write: what it is given "
                "is read by others too; take a shared_array<const T> or a std::span<const T>");

  template <class Value>
  static constexpr bool stands_for = std::is_same_v<Value, stored>;
  template <class Argument>
  static constexpr bool takes =
      std::is_convertible_v<Argument, Declared> || std::is_convertible_v<Argument, stored>;

  template <class Argument>
  static constexpr bool is_given_as_it_is = std::is_same_v<std::remove_cvref_t<Argument>, stored>;
  /// Whether it can be written more than once: what is moved into a conversion can't.
  template <class Argument>
  static constexpr bool repeats = is_given_as_it_is<Argument> || std::is_arithmetic_v<stored> ||
                                  (std::is_lvalue_reference_v<Argument> &&
                                   std::is_convertible_v<Argument, stored>);

  template <class Argument>
  static void write(encoder& to, Argument&& argument) {
    if constexpr (is_given_as_it_is<Argument>) {
      encode_lasting<stored>(to, argument);
    } else if constexpr (std::is_arithmetic_v<stored>) {
      encode<stored>(to, static_cast<stored>(std::forward<Argument>(argument)));
    } else {
      const stored converted = std::forward<Argument>(argument);
      encode<stored>(to, converted);
    }
  }

  class slot {
   public:
    explicit slot(decoder& from) : value_(decode<stored>(from)) {}
    decltype(auto) pass() {
      if constexpr (std::is_lvalue_reference_v<Declared>) {
        return static_cast<const stored&>(value_);
      } else {
        return static_cast<stored&&>(value_);
      }
    }

   private:
    stored value_;
  };
};

/// The same bytes at an address that is a multiple of `alignment`.
std::shared_ptr<const void> aligned_copy(const std::byte* bytes, std::size_t size,
                                         std::size_t alignment);

/// Elements in a row, of a vector or an array, in place where they are aligned there.
template <class T>
class row {
 public:
  explicit row(decoder& from) {
    const auto word = from.number<std::uint64_t>();
    // Elements of an array travel as bytes, also those that are encoded one by one elsewhere.
    if constexpr (std::is_trivially_copyable_v<T>) {
      if ((word & array_word) != 0) {
        array_ = read_elements(from, word, sizeof(T));
        all_ = {reinterpret_cast<const T*>(array_.begin), array_.count};
        return;
      }
    }
    if constexpr (codec<T>::as_bytes) {
      const std::size_t count = from.checked_count(word, sizeof(T));
      const std::byte* bytes = from.read(count * sizeof(T));
      if (reinterpret_cast<std::uintptr_t>(bytes) % alignof(T) != 0) {
        array_.keeper = aligned_copy(bytes, count * sizeof(T), alignof(T));
        bytes = static_cast<const std::byte*>(array_.keeper.get());
      }
      all_ = {reinterpret_cast<const T*>(bytes), count};
    } else {
      // An element may take no bytes at all; the highest bits are those of an array that is none.
      const std::size_t count =
          from.checked_count(word, (word & array_word) != 0 ? 1 : codec<T>::size_min);
      values_.reserve(std::min(count, from.left()));
      for (std::size_t i = 0; i < count; ++i) values_.push_back(decode<T>(from));
      all_ = values_;
    }
  }
  row(const row&) = delete;
  row& operator=(const row&) = delete;
  std::span<const T> all() const { return all_; }

 private:
  struct nothing {
    std::span<const T> all;
    operator std::span<const T>() const { return all; }
  };
  std::span<const T> all_;
  sealed_elements array_;  // or the keeper of a copy
  [[no_unique_address]] std::conditional_t<codec<T>::as_bytes, nothing, std::vector<T>> values_;
};

template <class Vector, class T>
inline constexpr bool is_vector_of = false;
template <class T, class Allocator>
inline constexpr bool is_vector_of<std::vector<T, Allocator>, T> = true;

template <class T, std::size_t Extent>
struct parameter<std::span<T, Extent>> {
  static_assert(std::is_const_v<T>,
                "mobula: a remote function can't take a span of what can be changed: the caller "
                "would not see it; take a std::span<const T>");
  static_assert(Extent == std::dynamic_extent,
                "mobula: a remote function can't take a span of fixed extent: take a "
                "std::span<const T> or a std::array");
  using element = std::remove_const_t<T>;
  using stored = std::vector<element>;

  template <class Value>
  static constexpr bool stands_for =
      is_vector_of<Value, element> || std::is_same_v<Value, shared_array<const element>>;
  template <class Argument>
  static constexpr bool takes = std::is_convertible_v<Argument, std::span<T>>;
  template <class Argument>
  static constexpr bool repeats = true;

  template <class Argument>
  static void write(encoder& to, Argument&& argument) {
    const std::span<T> all = std::forward<Argument>(argument);
    const lasting large_parts{to};
    to.number<std::uint64_t>(all.size());
    if constexpr (codec<element>::as_bytes) {
      to.write(all.data(), all.size_bytes());
    } else {
      for (const element& each : all) encode<element>(to, each);
    }
  }

  class slot {
   public:
    explicit slot(decoder& from) : elements_{from} {}
    std::span<T> pass() { return elements_.all(); }

   private:
    row<element> elements_;
  };
};

template <>
struct parameter<std::string_view> {
  using stored = std::string;

  template <class Value>
  static constexpr bool stands_for = std::is_same_v<Value, std::string>;
  template <class Argument>
  static constexpr bool takes = std::is_convertible_v<Argument, std::string_view>;
  template <class Argument>
  static constexpr bool repeats = true;

  template <class Argument>
  static void write(encoder& to, Argument&& argument) {
    const std::string_view text = std::forward<Argument>(argument);
    const lasting large_parts{to};
    to.number<std::uint64_t>(text.size());
    to.write(text.data(), text.size());
  }

  class slot {
   public:
    explicit slot(decoder& from) {
      const std::size_t size = from.count();
      text_ = {reinterpret_cast<const char*>(from.read(size)), size};
    }
    std::string_view pass() { return text_; }

   private:
    std::string_view text_;
  };
};

template <class Declared>
struct parameter_of : parameter<Declared> {};
template <class Declared>
requires std::is_same_v<std::remove_cvref_t<Declared>, std::string_view> &&
    (!std::is_same_v<Declared, std::string_view>)struct parameter_of<Declared>
    : parameter<std::string_view> {
};
template <class T, std::size_t Extent>
struct parameter_of<const std::span<T, Extent>&> : parameter<std::span<T, Extent>> {};

/// What a value travels as where no parameter's type can be seen: literals and views as what holds
/// their elements.
template <class Given>
struct stored_as {
  using type = Given;
};
template <>
struct stored_as<const char*> {
  using type = std::string;
};
template <>
struct stored_as<char*> {
  using type = std::string;
};
template <>
struct stored_as<std::string_view> {
  using type = std::string;
};
template <class T>
struct stored_as<std::span<T>> {
  using type = std::vector<std::remove_const_t<T>>;
};
template <class T>
struct stored_as<shared_array<T>> {
  using type = shared_array<const T>;
};

/// The parameter through which it is written: a view is written without a copy of its elements.
template <class Given, class Stored>
struct written {
  using type = Stored;
};
template <>
struct written<std::string_view, std::string> {
  using type = std::string_view;
};
template <class T, class Stored>
struct written<std::span<T>, Stored> {
  using type = std::span<const T>;
};
template <class Given, class Stored>
using written_as = typename written<Given, Stored>::type;

/// The arguments of one call on their way out.
template <std::size_t Count>
struct outgoing {
  encoder values;
  parameter_ref refs[Count == 0 ? 1 : Count];
  std::size_t ref_count = 0;
  handle arrays[Count == 0 ? 1 : Count];  // that were given as they are

  void add_ref(std::size_t index, object* record) {
    refs[ref_count++] = {static_cast<std::uint32_t>(index), record};
  }
};

template <class T>
struct value_of_ref {};
template <class T>
struct value_of_ref<object_ref<T>> {
  using type = T;
};

/// A container of arrays that are being written.
template <class Given>
inline constexpr bool has_new_arrays = !std::is_same_v<received<Given>, Given>;

/// Arrays inside of what is given are sealed with it.
template <class Argument>
constexpr void check_gives_away() {
  using given = std::remove_cvref_t<Argument>;
  static_assert(!has_new_arrays<given> || !std::is_lvalue_reference_v<Argument>,
                "mobula: a container of shared_arrays that are being written can't be copied: "
                "std::move it; nobody writes them from then on");
}

/// Adds an array: as the ref of the object that it is from now on, or a small one as it is.
template <class Declared, class Outgoing, class Argument>
void add_array(Outgoing& call, std::size_t index, Argument&& array) {
  using wanted = parameter_of<Declared>;
  using given = std::remove_cvref_t<Argument>;
  static_assert(!is_new_array<given> || !std::is_lvalue_reference_v<Argument>,
                "mobula: a shared_array that is being written can't be copied: std::move it; "
                "nobody writes it from then on");
  constexpr bool fits = wanted::template stands_for<received<given>>;
  static_assert(fits,
                "mobula: a shared_array was given for a parameter of another type: it must be a "
                "shared_array<const T> or a std::span<const T> of the same elements");
  if constexpr (fits) {
    call.arrays[index] = array_access::object_of(array);
    if (object* record = call.arrays[index].get()) return call.add_ref(index, record);
    encode<given>(call.values, array);
  }
}

/// Adds one argument. A ref stands for its value, unless the parameter wants the ref itself.
template <class Declared, class Outgoing, class Argument>
void add_argument(Outgoing& call, std::size_t index, Argument&& argument) {
  using wanted = parameter_of<Declared>;
  using given = std::remove_cvref_t<Argument>;
  if constexpr (is_object_ref<given>) {
    if constexpr (is_object_ref<typename wanted::stored> && wanted::template takes<Argument>) {
      wanted::write(call.values, std::forward<Argument>(argument));
    } else {
      constexpr bool fits =
          wanted::template stands_for<received<typename value_of_ref<given>::type>>;
      static_assert(fits,
                    "mobula: an object_ref was given whose value is not of the parameter's type: "
                    "the types must be the same, no conversion is made");
      if constexpr (fits) call.add_ref(index, access::record_of(argument));
    }
  } else if constexpr (is_shared_array<given>) {
    add_array<Declared>(call, index, std::forward<Argument>(argument));
  } else if constexpr (has_new_arrays<given> && wanted::template stands_for<received<given>>) {
    check_gives_away<Argument>();
    encode_lasting<given>(call.values, argument);
  } else {
    constexpr bool fits = wanted::template takes<Argument>;
    static_assert(fits,
                  "mobula: an argument has the wrong type: it doesn't convert to the type of the "
                  "remote function's parameter");
    if constexpr (fits) wanted::write(call.values, std::forward<Argument>(argument));
  }
}

/// An array that was moved into a call has no elements any more.
template <class Argument>
void give_up(Argument&& argument) {
  using given = std::remove_cvref_t<Argument>;
  if constexpr (is_new_array<given> && !std::is_reference_v<Argument> && !std::is_const_v<Argument>)
    argument = given{};
}

/// Refs and arrays are; of others their parameter knows.
template <class Declared, class Argument>
inline constexpr bool can_be_written_again =
    is_object_ref<std::remove_cvref_t<Argument>> || has_new_arrays<std::remove_cvref_t<Argument>> ||
    parameter_of<Declared>::template repeats<Argument>;

/// Whether it takes few bytes, whatever it is: a ref does.
template <class Declared, class Argument>
constexpr bool is_small_argument() {
  if constexpr (is_object_ref<std::remove_cvref_t<Argument>>) {
    return true;
  } else {
    return is_small<typename parameter_of<Declared>::stored>;
  }
}

/// Encodes the arguments of a call, and has `submit(call)` take them.
template <class... Declared, std::size_t... At, class Submit, class... Arguments>
void with_arguments(type_list<Declared...>, std::index_sequence<At...>, Submit&& submit,
                    Arguments&&... arguments) {
  outgoing<sizeof...(Arguments)> call;
  const auto write = [&] {
    call.ref_count = 0;
    (add_argument<Declared>(call, At, std::forward<Arguments>(arguments)), ...);
  };
  constexpr bool is_again = (can_be_written_again<Declared, Arguments> && ...);
  constexpr bool is_small = (is_small_argument<Declared, Arguments>() && ...);
  call.values.template write_with<is_again && !is_small>(write);
  submit(call);
  (give_up<Arguments>(std::forward<Arguments>(arguments)), ...);
}

/// What an argument for parameter `index` is read from.
inline decoder& source_of(invocation& run, std::size_t index) {
  decoder* value = run.resolved(static_cast<std::uint32_t>(index));
  return value ? *value : run.arguments();
}

template <std::size_t Index, class Declared>
struct incoming_one : parameter_of<Declared>::slot {
  explicit incoming_one(invocation& run) : parameter_of<Declared>::slot{source_of(run, Index)} {}
};

template <class Sequence, class... Declared>
struct incoming;

/// The arguments of one run. Bases are made in the order in which they are named: that of the
/// bytes.
template <std::size_t... At, class... Declared>
struct incoming<std::index_sequence<At...>, Declared...> : incoming_one<At, Declared>... {
  explicit incoming([[maybe_unused]] invocation& run) : incoming_one<At, Declared>{run}... {}

  template <class Function>
  decltype(auto) pass_to(Function&& function) {
    return std::forward<Function>(function)(
        static_cast<incoming_one<At, Declared>&>(*this).pass()...);
  }
};

template <class... Declared>
using incoming_for = incoming<std::index_sequence_for<Declared...>, Declared...>;

}  // namespace detail
}  // namespace mobula
