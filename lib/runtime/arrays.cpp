#include "runtime/arrays.hpp"

#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>

#include "mobula/errors.hpp"
#include "runtime/aligned_bytes.hpp"
#include "runtime/casts.hpp"
#include "runtime/decode_scope.hpp"
#include "runtime/process.hpp"
#include "runtime/store_client.hpp"
#include "store/mapper.hpp"
#include "wire/array_seal.hpp"
#include "wire/debug_build.hpp"
#include "wire/messages.hpp"

namespace mobula::detail {

struct new_array::memory {
  enum class state : std::uint8_t { being_written, object, given_away };

  explicit memory(process& where) : home{&where}, tied{where} {}

  state now = state::being_written;
  std::size_t count = 0;
  process* home;
  process::tie tied;
  std::shared_ptr<std::byte> own;  // a small one's
  wire::location room;             // of others: a header, then the elements
  handle object;                   // once it is one
};

namespace {

// In a room.
constexpr std::size_t elements_offset = value_offset + array_header_bytes;
static_assert(elements_offset % array_alignment == 0);
static_assert(elements_offset == wire::array_seal::elements_offset);
static_assert(wire::array_seal::offset == value_offset + sizeof(std::uint64_t));
// What a count of elements may be: the word has two bits less.
constexpr std::size_t bytes_max = std::size_t{1} << 56;

}  // namespace

new_array::new_array(std::size_t count, std::size_t element_bytes, const time_limit& limit) {
  const std::uint64_t deadline = deadline_of(limit);
  process& home = process::require();
  if (count > bytes_max / element_bytes) {
    throw std::length_error{"a shared_array of " + std::to_string(count) + " elements of " +
                            std::to_string(element_bytes) + " bytes is larger than any memory"};
  }
  const std::size_t bytes = count * element_bytes;
  auto made = std::make_unique<memory>(home);
  made->count = count;
  static_assert(small_array_bytes_max + sizeof(std::uint64_t) == inline_bytes_max);
  if (bytes <= small_array_bytes_max) {
    made->own = aligned_bytes(bytes, array_alignment);
    begin_ = made->own.get();
  } else {
    made->room = home.store().allocate(elements_offset + bytes, deadline);
    begin_ = home.store().lend(made->room).data() + elements_offset;
  }
  memory_ = made.release();
}

// What was not given away; or given away by its elements' room, which is then somebody else's.
void new_array::discard() noexcept {
  const std::unique_ptr<memory> gone{memory_};
  if (gone->own || gone->now != memory::state::being_written) return;
  if (process::current() != gone->home) return;  // the room has gone with the runtime
  gone->home->store().take_back(gone->room, begin_ - elements_offset);
  const std::lock_guard held{gone->home->lock()};
  gone->home->store().abandon(gone->room);
}

new_array::memory& new_array::checked() const {
  if (!memory_) {
    throw error{
        "an empty shared_array was given away: one that is default-made or was moved from has no "
        "elements"};
  }
  if (memory_->home != &process::require())
    throw error{"a shared_array was given away that was made before the runtime was shut down"};
  if (memory_->now == memory::state::given_away)
    throw error{"a shared_array was given away that had been returned as a result before"};
  return *memory_;
}

bool new_array::is_small() const { return checked().own != nullptr; }

handle new_array::seal_as_object() const {
  memory& mine = checked();
  if (mine.now == memory::state::object) return mine.object;
  process& home = *mine.home;
  array_rooms::seal(*this);
  const std::lock_guard held{home.lock()};
  mine.object = handle{opaque(home.store().make_object(mine.room, {}))};
  mine.now = memory::state::object;
  return mine.object;
}

sealed_elements new_array::seal() const {
  memory& mine = checked();
  sealed_elements sealed;
  sealed.count = mine.count;
  if (mine.own) {
    sealed.keeper = mine.own;
    sealed.begin = mine.own.get();
  } else {
    // Before it is an object: that could be moved.
    auto read =
        std::make_shared<store_client::pinned_block>(mine.home->store().read_here(mine.room));
    sealed.object = seal_as_object();
    sealed.begin = read->bytes.data() + array_header_bytes;
    sealed.keeper = std::move(read);
  }
  return sealed;
}

void array_rooms::seal(const new_array& array) {
  const std::uint64_t word = whole_array_word(array.memory_->count);
  std::byte* const room = array.begin_ - elements_offset;
  std::memset(room, 0, elements_offset);
  std::memcpy(room + value_offset, &word, sizeof word);
  const wire::location& where = array.memory_->room;
  if (wire::is_debug_build && where.size_bytes < store::protected_bytes_min)
    wire::seal_array({room, where.size_bytes});
  array.memory_->home->store().take_back(where, room);
}

wire::location array_rooms::give_away(const new_array& array) {
  new_array::memory& mine = array.checked();
  if (mine.now == new_array::memory::state::object)
    throw error{"a shared_array was returned as a result that had been given away before"};
  seal(array);
  mine.now = new_array::memory::state::given_away;
  return mine.room;
}

std::uint64_t deadline_of_reading() noexcept {
  const decode_scope* scope = decode_scope::current();
  return scope ? scope->deadline_ns() : never;
}

handle object_being_read() {
  decode_scope* scope = decode_scope::current();
  return scope ? scope->object() : handle{};
}

std::shared_ptr<const void> keep_what_is_read() {
  const decode_scope* scope = decode_scope::current();
  if (!scope || !scope->block()) return nullptr;
  return std::make_shared<store_client::pinned_block>(
      process::require().store().read_here(*scope->block()));
}

}  // namespace mobula::detail
