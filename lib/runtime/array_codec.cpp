#include <cstdint>
#include <cstring>
#include <utility>

#include "mobula/detail/arrays.hpp"
#include "mobula/detail/call.hpp"
#include "mobula/options.hpp"

// How arrays travel: see mobula/detail/arrays.hpp.

namespace mobula::detail {

namespace {

constexpr std::uint64_t here = array_is_here;
constexpr std::uint64_t whole = std::uint64_t{2} << 62;
constexpr std::uint64_t named = std::uint64_t{3} << 62;

static_assert(named == array_word);

void write_here(encoder& to, const std::byte* begin, std::size_t count, std::size_t element_bytes) {
  to.number(here | count);
  to.write(begin, count * element_bytes);
}

void write_named(encoder& to, const handle& object, std::size_t count) {
  to.number(named | count);
  to.ref(object);
}

// Not a small one: it comes from a file, and is from now on as if it had been made here.
sealed_elements read_large(decoder& from, std::size_t count, std::size_t element_bytes) {
  const new_array memory{count, element_bytes, forever};
  const std::size_t bytes = count * element_bytes;
  std::memcpy(memory.begin(), from.read(bytes), bytes);
  return memory.seal();
}

sealed_elements read_here(decoder& from, std::size_t count, std::size_t element_bytes) {
  const std::size_t bytes = from.checked_count(count, element_bytes) * element_bytes;
  if (bytes > small_array_bytes_max) return read_large(from, count, element_bytes);
  sealed_elements read;
  read.keeper = aligned_copy(from.read(bytes), bytes, array_alignment);
  read.begin = static_cast<const std::byte*>(read.keeper.get());
  read.count = count;
  return read;
}

sealed_elements read_whole(decoder& from, std::size_t count, std::size_t element_bytes) {
  from.read(array_header_bytes - sizeof(std::uint64_t));
  const std::size_t bytes = from.checked_count(count, element_bytes) * element_bytes;
  sealed_elements read;
  read.object = object_being_read();
  read.keeper = keep_what_is_read();
  read.begin = from.read(bytes);
  read.count = count;
  return read;
}

sealed_elements read_named(decoder& from, std::size_t element_bytes) {
  const handle object = from.ref();
  const std::uint64_t deadline = deadline_of_reading();
  await(object.get(), deadline);
  value_view value{object.get(), deadline};
  return read_elements(value.bytes(), element_bytes);
}

}  // namespace

std::uint64_t whole_array_word(std::size_t count) { return whole | count; }

void write_elements(encoder& to, const new_array& array, std::size_t count,
                    std::size_t element_bytes) {
  if (array.is_small() || to.is_poured())
    return write_here(to, array.begin(), count, element_bytes);
  write_named(to, array.seal_as_object(), count);
}

void write_elements(encoder& to, const sealed_elements& array, std::size_t element_bytes) {
  if (array.object.get() && !to.is_poured()) return write_named(to, array.object, array.count);
  write_here(to, array.begin, array.count, element_bytes);
}

sealed_elements read_elements(decoder& from, std::size_t element_bytes) {
  return read_elements(from, from.number<std::uint64_t>(), element_bytes);
}

sealed_elements read_elements(decoder& from, std::uint64_t word, std::size_t element_bytes) {
  const std::size_t count = word & ~array_word;
  switch (word & array_word) {
    case here:
      return read_here(from, count, element_bytes);
    case whole:
      return read_whole(from, count, element_bytes);
    case named:
      return read_named(from, element_bytes);
    default:
      throw_bad_encoding("shared_array");
  }
}

}  // namespace mobula::detail
