#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mobula/detail/api.hpp"

// What the templates of the public headers call: the compiled library, without types. Not for
// users.

namespace MOBULA_API mobula {
struct runtime_options;
struct task_options;
struct actor_options;
struct call_options;
class time_limit;

namespace detail {

/// This process's record of one remote object. Counted: every `object*` that a function below gives
/// out is a count of the receiver's, who ends it with `release`.
struct object;

void retain(object* record) noexcept;
void release(object* record) noexcept;

/// When a limit that begins now ends, in nanoseconds of CLOCK_MONOTONIC; `never` for none.
/// @throws std::invalid_argument if it is negative
std::uint64_t deadline_of(const time_limit& limit);
inline constexpr std::uint64_t never = ~std::uint64_t{0};

/// Names an object in the whole job, 16 bytes. {0, 0} names none.
struct identity {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const identity&) const = default;
  auto operator<=>(const identity&) const = default;
};
identity identity_of(const object* record) noexcept;

/// A counted pointer to a record; the only member of object_ref and actor_handle.
class handle {
 public:
  handle() = default;
  /// Takes over the caller's count.
  explicit handle(object* counted) noexcept : record_{counted} {}
  handle(const handle& other) noexcept : record_{other.record_} {
    if (record_) retain(record_);
  }
  handle(handle&& other) noexcept : record_{other.record_} { other.record_ = nullptr; }
  handle& operator=(handle other) noexcept {
    object* mine = record_;
    record_ = other.record_;
    other.record_ = mine;
    return *this;
  }
  ~handle() {
    if (record_) release(record_);
  }
  object* get() const noexcept { return record_; }
  /// Gives the count to the caller.
  object* take() noexcept {
    object* mine = record_;
    record_ = nullptr;
    return mine;
  }
  identity id() const noexcept { return record_ ? identity_of(record_) : identity{}; }

 private:
  object* record_ = nullptr;
};

class new_array;

/// Where an encoder's bytes may go as they come, instead of being kept: a file.
class byte_sink {
 public:
  virtual void take(std::span<const std::byte> bytes) = 0;

 protected:
  ~byte_sink() = default;
};

/// Bytes being written, and the refs that were written into them. Small values need no allocation.
///
/// A large value takes no memory here: pieces that last are kept by their address (see `lasting`),
/// and of one that can be written again only the size is kept, once it is large.
class encoder {
 public:
  encoder() = default;
  encoder(const encoder&) = delete;
  encoder& operator=(const encoder&) = delete;
  ~encoder();

  void write(const void* bytes, std::size_t size) {
    if (size > capacity_ - size_) {
      if (is_elsewhere(bytes, size)) return;
      grow(size);
    }
    if (size != 0) std::memcpy(begin_ + size_, bytes, size);
    size_ += size;
  }
  template <class T>
  void number(T value) {
    write(&value, sizeof value);
  }
  /// Writes a ref: its id. The encoder holds the object until it is cleared or handed on.
  /// @throws mobula::error if `ref` is empty or the runtime has ended
  void ref(const handle& ref);

  /// Before the first write: calls `write()`, which writes all of the value and lasts until the
  /// encoder has been read.
  /// @tparam CanRepeat  whether it may be called once more, for the same: a large value is then
  ///   written straight to where it goes. Not worth its code for values that are small anyway
  template <bool CanRepeat, class Write>
  void write_with(const Write& write) {
    if constexpr (CanRepeat) {
      again_ = &call<Write>;
      writer_ = &write;
      again_(writer_);
    } else {
      write();
    }
  }

  /// Before the first write: bytes leave for the file as they come, the last of them by
  /// `pour_rest`. What is read there must stand by itself: arrays are written with their elements,
  /// refs are refused.
  void pour_into(byte_sink& file) { sink_ = &file; }
  void pour_rest();
  bool is_poured() const { return sink_ != nullptr; }

  /// How many bytes were written.
  std::size_t size() const { return kept_ || measured_ != 0 ? whole_size() : size_; }
  /// Those bytes, in a row. Valid until more is written.
  std::span<const std::byte> bytes() {
    if (kept_ || measured_ != 0) gather();
    return {begin_, size_};
  }
  /// Writes them to `room`, of size() bytes, each copied once. @throws what writing it again does,
  /// error if that comes out different
  void copy_to(std::byte* room);
  const std::vector<handle>& refs() const { return refs_; }
  void clear() noexcept;

  /// The value is that array and nothing else: its memory becomes the value's, without a copy. It
  /// must last until the encoder has been read.
  void become(const new_array& whole) { array_ = &whole; }
  /// Null: the value is what was written.
  const new_array* array() const { return array_; }

  /// A piece that is written at once and larger than this may be kept by its address; see
  /// `lasting`.
  static constexpr std::size_t kept_bytes_min = std::size_t{64} << 10;
  /// A value of which more than this would have to be copied here is written again instead.
  static constexpr std::size_t measured_bytes_min = std::size_t{1} << 20;

 private:
  friend class lasting;
  struct kept_pieces;
  // Not inlined: one copy of what writes a value is enough.
  template <class Write>
  [[gnu::noinline]] static void call(const void* write) {
    (*static_cast<const Write*>(write))();
  }
  static constexpr std::size_t inline_bytes = 224;
  bool is_elsewhere(const void* bytes, std::size_t size);
  void pour(const void* bytes, std::size_t size);
  void place(const void* bytes, std::size_t size);
  void begin_measuring(std::size_t size);
  void write_again(std::byte* room);
  void release_buffer() noexcept;
  void grow(std::size_t more);
  std::size_t whole_size() const;
  void gather();

  std::byte* begin_ = inline_;
  std::size_t size_ = 0;
  std::size_t capacity_ = inline_bytes;
  kept_pieces* kept_ = nullptr;
  const new_array* array_ = nullptr;
  byte_sink* sink_ = nullptr;
  bool lasting_ = false;
  void (*again_)(const void* writer) = nullptr;
  const void* writer_ = nullptr;
  std::size_t measured_ = 0;   // not 0: only this is known of the value
  std::span<std::byte> room_;  // while it is written again: what is left of where it goes
  bool is_again_ = false;
  std::vector<handle> refs_;
  std::byte inline_[inline_bytes];
};

/// While this lives, large pieces of what is written into the encoder are kept by their address, to
/// be copied once, straight to where they go: they must last, unchanged, until it has been read.
class lasting {
 public:
  explicit lasting(encoder& to, bool lasts = true) : to_{to}, before_{to.lasting_} {
    to.lasting_ = lasts;
  }
  ~lasting() { to_.lasting_ = before_; }
  lasting(const lasting&) = delete;
  lasting& operator=(const lasting&) = delete;

 private:
  encoder& to_;
  bool before_;
};

/// Bytes being read. Reading past the end, or a nonsensical count, throws mobula::error: the bytes
/// came from another process of the same program, so that means two programs that differ.
class decoder {
 public:
  explicit decoder(std::span<const std::byte> bytes) : rest_{bytes} {}

  /// The next `size` bytes, in place.
  const std::byte* read(std::size_t size) {
    if (size > rest_.size()) too_short(size);
    const std::byte* at = rest_.data();
    rest_ = {at + size, rest_.size() - size};
    return at;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, read(sizeof value), sizeof value);
    return value;
  }
  /// A count of elements that each take at least `size_each` bytes, checked against what is left.
  std::size_t count(std::size_t size_each = 1) {
    return checked_count(number<std::uint64_t>(), size_each);
  }
  /// The same, its number having been read.
  std::size_t checked_count(std::uint64_t count, std::size_t size_each);
  /// Reads a ref that encoder::ref wrote.
  handle ref();
  std::size_t left() const { return rest_.size(); }

 private:
  [[noreturn]] void too_short(std::size_t wanted) const;
  std::span<const std::byte> rest_;
};

/// One run of a remote function, as its thunk sees it.
class invocation {
 public:
  /// The parameters that were given as values, in order.
  decoder& arguments() { return *arguments_; }
  /// The value of a parameter that was given as a ref; null if it was given as a value.
  virtual decoder* resolved(std::uint32_t parameter) = 0;
  /// Where result `index` goes. A thunk finishes one result before it begins the next.
  virtual encoder& result(std::uint32_t index) = 0;
  /// The last result that was begun is whole; what it was written from may go.
  virtual void end_result() = 0;
  std::uint32_t result_count() const { return result_count_; }
  /// The actor's instance: set by the creating thunk, read by calls.
  virtual std::shared_ptr<void>& instance() = 0;

 protected:
  ~invocation() = default;
  decoder* arguments_ = nullptr;
  std::uint32_t result_count_ = 1;
};

/// A remote function of this process. Its thunk decodes the arguments, calls, encodes the results;
/// what it throws is the task's error.
using thunk = void (*)(invocation&);

/// Makes `run` known before main; called by static initialisers. `name` is for people.
/// @returns whatever, so that a variable can be initialised with it
bool register_function(thunk run, std::string_view name) noexcept;

/// Has every worker call `hook` with the program's arguments before it runs tasks; called by static
/// initialisers. @returns whatever
bool register_worker_start(void (*hook)(int argc, char** argv)) noexcept;

/// A parameter that was given as a ref.
struct parameter_ref {
  std::uint32_t parameter = 0;
  object* ref = nullptr;
};

/// A call, encoded.
struct call_request {
  thunk run = nullptr;
  encoder* arguments = nullptr;
  std::span<const parameter_ref> refs;
  std::uint32_t result_count = 1;
  bool result_is_list = false;  // called through split(parts{n})
};

/// Submits a task; `results` takes result_count counts. Returns at once, but may wait for room.
/// @param options  null: the defaults, which cost nothing to look up
void submit(const call_request& call, const task_options* options, object** results);
/// Creates an actor; the object is its handle.
object* create_actor(const call_request& call, const actor_options& options);
/// Calls an actor.
void call_actor(object* actor, const call_request& call, const call_options* options,
                object** results);
/// Puts an encoded value. @throws store_full, timed_out, error
object* put(encoder& value, std::uint64_t deadline_ns = never);

/// By when there has to be what the value names that the calling thread decodes.
std::uint64_t deadline_of_reading() noexcept;

/// Waits until the object is ready and on this node. @throws timed_out
void await(object* record, std::uint64_t deadline_ns);
/// The same of all. @throws timed_out, naming how many are not
void await_all(std::span<object* const> records, std::uint64_t deadline_ns);
/// Checks the arguments of a wait: `count` in [1, records.size()], or 0 of none; the limit not
/// negative; no record twice (a process has one record for each object).
/// @returns the count as a number @throws std::invalid_argument
std::size_t checked_wait(std::span<object* const> records, double count, const time_limit& limit);
/// Waits until `count` are ready or the limit passes; does not throw for the latter. For each
/// record, `ready` tells whether it is among the ready ones returned: at most `count`, the first in
/// order.
void await_some(std::span<object* const> records, std::size_t count, const time_limit& limit,
                std::span<bool> ready);
/// Whether the object is ready (or failed), without waiting.
bool is_ready(const object* record) noexcept;

/// Tells, in the order in which they become ready, which of its records are.
class completion_queue {
 public:
  explicit completion_queue(std::span<object* const> records);
  ~completion_queue();
  completion_queue(const completion_queue&) = delete;
  completion_queue& operator=(const completion_queue&) = delete;
  /// Waits for the next. @returns its index; size_t(-1) when all were told. @throws timed_out
  std::size_t next(const time_limit& limit);

 private:
  struct state;
  // Shared with nobody, here and in checkpoint.hpp: a std::unique_ptr brings a tuple for each, and
  // takes three times as much of every file that includes this to compile.
  std::shared_ptr<state> state_;
};

/// The bytes of a ready object, kept in place while this lives.
class value_view {
 public:
  /// @param deadline_ns  for what has to be waited for when the value is decoded
  /// @throws the error that stands in the value's place
  explicit value_view(object* ready, std::uint64_t deadline_ns = never);
  ~value_view();
  value_view(const value_view&) = delete;
  value_view& operator=(const value_view&) = delete;
  decoder& bytes() { return bytes_; }
  /// Room for what the library keeps here: whose refs are being read, and what keeps it in place.
  static constexpr std::size_t scope_bytes = 15 * sizeof(void*);

 private:
  object* record_;
  decoder bytes_;
  alignas(void*) std::byte scope_[scope_bytes];
};

}  // namespace detail
}  // namespace mobula
