#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mobula/codec.hpp"
#include "mobula/detail/api.hpp"
#include "mobula/detail/arrays.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/detail/call.hpp"
#include "mobula/get.hpp"
#include "mobula/object_ref.hpp"
#include "mobula/options.hpp"
#include "mobula/remote.hpp"
#include "mobula/shared_array.hpp"

// How values go into files and come back. Not for users.

namespace MOBULA_API mobula {
namespace detail {

// --- What a type says of itself, for another program to compare ---

/// As far as that can be seen.
struct layout_mark {
  std::uint64_t sum = 0xcbf29ce484222325U;  // of sizes and versions
  bool has_serialize = false;               // what stands in it may write otherwise than it reads
  bool has_arrays = false;

  constexpr void mix(std::uint64_t number) { sum = (sum ^ number) * 0x100000001b3U; }
};

/// The types that a standard container or its kin is made of.
template <class T>
struct made_of {
  using types = type_list<>;
};
template <template <class...> class Of, class... Inside>
struct made_of<Of<Inside...>> {
  using types = type_list<Inside...>;
};
template <class T, std::size_t Size>
struct made_of<std::array<T, Size>> {
  using types = type_list<T, std::integral_constant<std::size_t, Size>>;
};

template <class T>
constexpr void add_layout(layout_mark& mark);

template <class... Inside>
constexpr void add_layouts(layout_mark& mark, type_list<Inside...>) {
  (add_layout<std::remove_cv_t<Inside>>(mark), ...);
}

template <class T>
constexpr void add_layout(layout_mark& mark) {
  if constexpr (is_shared_array<T>) {
    mark.has_arrays = true;
    mark.mix(sizeof(typename T::value_type));
  } else if constexpr (std::is_object_v<T>) {
    constexpr form how = form_of<T>();
    mark.mix(static_cast<std::uint64_t>(how));
    if constexpr (how == form::own) {
      mark.has_serialize = true;
      mark.mix(version_of<T>());
    } else if constexpr (how == form::bytes) {
      mark.mix(sizeof(T));
    } else {
      add_layouts(mark, typename made_of<T>::types{});
    }
  }
}

template <class T>
inline constexpr layout_mark layout_of = [] {
  layout_mark mark;
  add_layout<received<T>>(mark);
  return mark;
}();

/// A type as it is named in a checkpoint.
struct type_mark {
  const char* name = nullptr;  // as typeid says it
  std::uint64_t layout = 0;
};

template <class T>
type_mark mark_of() {
  return {typeid(received<T>).name(), layout_of<T>.sum};
}

template <class T>
inline constexpr bool can_be_saved = !std::is_void_v<T> && !is_object_ref<T>;

template <class T>
constexpr void check_can_be_saved() {
  static_assert(!std::is_void_v<T>,
                "mobula: an object_ref<void> has no value that could be saved: save the refs of "
                "what tasks return");
  static_assert(
      !is_object_ref<T>,
      "mobula: a ref can't be saved: it would name nothing in a file; save what it names");
}

// --- Saving ---

/// Where a task writes or reads the file of one object, and what stands in it.
struct file_order {
  std::string folder;
  std::uint64_t generation = 0;  // of the checkpoint: its own number
  std::uint64_t index = 0;       // of the object
  std::uint64_t size_bytes = 0;  // of the file
  std::uint64_t checksum = 0;    // of all its bytes

  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& folder& generation& index& size_bytes& checksum;
  }
};

/// What a task has written.
struct saved_object {
  std::uint64_t size_bytes = 0;
  std::uint64_t checksum = 0;
};

/// The file of one object, being written.
class object_writer {
 public:
  /// @throws checkpoint_error, as all of these do
  explicit object_writer(const file_order& where);
  ~object_writer();
  object_writer(const object_writer&) = delete;
  object_writer& operator=(const object_writer&) = delete;
  encoder& bytes();
  /// All is written; it is safe on the disk.
  saved_object finish();

 private:
  struct state;
  std::shared_ptr<state> state_;
};

/// What a saving task takes a T as: where that can be, as a view of it in its store's memory.
template <class T>
struct saved_from {
  using type = const received<T>&;
};
template <class T, class Allocator>
requires copied_at_once<T>
struct saved_from<std::vector<T, Allocator>> {
  using type = std::span<const T>;
};
template <>
struct saved_from<std::string> {
  using type = std::string_view;
};
template <class T>
struct saved_from<shared_array<T>> {
  using type = received<shared_array<T>>;
};
template <class T>
using saved_as = typename saved_from<T>::type;

template <class Parameter>
saved_object save_value(const file_order& where, Parameter value) {
  object_writer file{where};
  parameter_of<Parameter>::write(file.bytes(), std::forward<Parameter>(value));
  return file.finish();
}

/// One save, where it was called.
class folder_writer {
 public:
  /// @throws checkpoint_error, std::invalid_argument
  folder_writer(const std::string& folder, const type_mark& type, std::size_t count);
  /// Removes what was written, unless it is finished.
  ~folder_writer();
  folder_writer(const folder_writer&) = delete;
  folder_writer& operator=(const folder_writer&) = delete;

  /// Of the task for one object.
  file_order order(std::size_t index) const;
  /// Of that task: it needs nothing but the value, and goes where that is.
  static task_options options_for(object* value);
  /// Takes that task's result, each in its turn, and waits while too many have not come.
  /// @throws what the tasks throw; timed_out
  void add(object_ref<saved_object> written, std::uint64_t deadline_ns);
  /// Waits for the others, and replaces the folder's former checkpoint.
  void finish(std::uint64_t deadline_ns);

 private:
  void take(std::size_t until, std::uint64_t deadline_ns);
  struct state;
  std::shared_ptr<state> state_;
};

/// Waits until all are made, or failed. @throws timed_out
void await_made(std::span<object* const> records, const time_limit& limit);

// --- Loading ---

/// A folder's checkpoint, as far as its list of files goes.
class folder_reader {
 public:
  /// @throws checkpoint_error
  folder_reader(const std::string& folder, const type_mark& type);
  ~folder_reader();
  folder_reader(const folder_reader&) = delete;
  folder_reader& operator=(const folder_reader&) = delete;
  std::size_t count() const;
  file_order order(std::size_t index) const;

 private:
  struct state;
  std::shared_ptr<state> state_;
};

/// The file of one object, being read.
class object_reader {
 public:
  /// It is there, of that checkpoint, and as long as it should be.
  /// @throws checkpoint_error, as all of these do
  explicit object_reader(const file_order& what);
  ~object_reader();
  object_reader(const object_reader&) = delete;
  object_reader& operator=(const object_reader&) = delete;

  /// How many bytes of it were not read yet.
  std::uint64_t left() const;
  void read(std::byte* to, std::size_t size_bytes);
  /// Where an array is all of it: how many elements of that size follow.
  std::size_t read_array_count(std::size_t element_bytes);
  /// All was read, and it is what was written.
  void finish();

 private:
  struct state;
  std::shared_ptr<state> state_;
};

struct file_bytes {
  std::span<const std::byte> all;
  std::shared_ptr<const void> keeper;  // of them
};
/// All that a file says.
file_bytes read_file(const file_order& what);
/// @throws checkpoint_error if the value ends before its bytes do
void check_is_read(const decoder& bytes, const file_order& from);

/// A value out of a file, on its way to become an object: as it stands there, or where it may be
/// written otherwise than it is read, or has arrays in it, which become objects too, as it was
/// read.
template <class T>
struct loaded {
  file_bytes bytes;
  std::optional<received<T>> value;
};

template <class T>
struct codec<loaded<T>> : codec_defaults {
  static void encode(encoder& to, const loaded<T>& one) {
    if (one.value) return detail::encode<received<T>>(to, *one.value);
    to.write(one.bytes.all.data(), one.bytes.all.size());
  }
  static loaded<T> decode(decoder&);  // nobody does: the object is a T's
};

template <class T>
loaded<T> load_value(const file_order& what) {
  loaded<T> one;
  one.bytes = read_file(what);
  if constexpr (layout_of<T>.has_serialize || layout_of<T>.has_arrays) {
    decoder from{one.bytes.all};
    one.value.emplace(decode<received<T>>(from));
    check_is_read(from, what);
    one.bytes = {};
  }
  return one;
}

/// Straight into the store's memory.
template <class T>
shared_array<T> load_array(const file_order& what) {
  object_reader file{what};
  const std::size_t count = file.read_array_count(sizeof(T));
  shared_array<T> array(count);
  file.read(reinterpret_cast<std::byte*>(array.data()), count * sizeof(T));
  file.finish();
  return array;
}

template <class T>
struct loader {
  static constexpr auto function = &load_value<T>;
};
template <class T>
struct loader<shared_array<T>> {
  static constexpr auto function = &load_array<std::remove_const_t<T>>;
};

template <class T>
object_ref<T> load_one(const file_order& what) {
  return access::make<object_ref<T>>(
      access::handle_of(remote<loader<T>::function>.with({.strategy = spread{}})(what)));
}

}  // namespace detail
}  // namespace mobula
