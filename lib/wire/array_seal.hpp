#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

// In debug builds arrays that nothing else protects are sealed: a mark and a checksum stand between
// the word that says what they are (see mobula/detail/arrays.hpp) and their elements, in the block
// that an array has to itself.

namespace mobula::wire {

struct array_seal {
  static constexpr std::size_t offset = 16;  // in the block
  static constexpr std::size_t elements_offset = 64;
  static constexpr std::uint64_t marks[2] = {0x9bd5'4c26'1ea7'f083U, 0x2f60'b8e1'd394'5a7cU};

  std::uint64_t first_mark = marks[0];
  std::uint64_t second_mark = marks[1];
  std::uint64_t checksum = 0;
  object_id object;

  bool is_one() const { return first_mark == marks[0] && second_mark == marks[1]; }
};
static_assert(array_seal::offset + sizeof(array_seal) <= array_seal::elements_offset);

/// No secret, and no small change goes unseen.
inline std::uint64_t checksum_of(blob bytes) {
  constexpr std::uint64_t odd = 0x9e37'79b9'7f4a'7c15U;
  std::uint64_t sums[4] = {1, 2, 3, bytes.size()};
  std::size_t at = 0;
  // Four at once: each takes the processor a few cycles.
  for (; bytes.size() - at >= sizeof sums; at += sizeof sums) {
    std::uint64_t words[4];
    std::memcpy(words, bytes.data() + at, sizeof words);
    for (int i = 0; i < 4; ++i) {
      sums[i] = (sums[i] ^ words[i]) * odd;
      sums[i] ^= sums[i] >> 29;
    }
  }
  std::uint64_t rest[4] = {};
  if (at != bytes.size()) std::memcpy(rest, bytes.data() + at, bytes.size() - at);
  std::uint64_t sum = 0;
  for (int i = 0; i < 4; ++i) sum = mix(sum ^ mix(sums[i] ^ rest[i]));
  return sum;
}

/// Of an object that may be a sealed array; no seal, if it isn't one.
inline array_seal seal_of(blob object) {
  array_seal seal;
  seal.first_mark = 0;
  if (object.size() >= array_seal::elements_offset)
    std::memcpy(&seal, object.data() + array_seal::offset, sizeof seal);
  return seal;
}

/// Seals an array whose elements will not change any more.
inline void seal_array(std::span<std::byte> object) {
  array_seal seal;
  seal.checksum = checksum_of(object.subspan(array_seal::elements_offset));
  std::memcpy(object.data() + array_seal::offset, &seal, sizeof seal);
}

/// The object is called so from now on. Does nothing to what isn't a sealed array.
inline void name_array(std::span<std::byte> object, object_id name) {
  array_seal seal = seal_of(object);
  if (!seal.is_one()) return;
  seal.object = name;
  std::memcpy(object.data() + array_seal::offset, &seal, sizeof seal);
}

/// Whether that is the sealed array of that name, and its elements aren't what they were.
inline bool is_altered(blob object, object_id name) {
  const array_seal seal = seal_of(object);
  return seal.is_one() && seal.object == name &&
         seal.checksum != checksum_of(object.subspan(array_seal::elements_offset));
}

}  // namespace mobula::wire
