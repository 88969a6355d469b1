#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace sorting {

inline constexpr std::size_t record_bytes = 100;
inline constexpr std::size_t key_bytes = 10;

/// What is sorted: a key, ordered as memcmp does, and whatever follows it.
struct record {
  std::array<char, record_bytes> bytes;
};
static_assert(sizeof(record) == record_bytes && std::is_trivially_copyable_v<record>);

/// Records as the bytes that a file has of them.
inline std::span<const char> bytes_of(std::span<const record> records) {
  return {reinterpret_cast<const char*>(records.data()), records.size_bytes()};
}
inline std::span<char> bytes_of(std::span<record> records) {
  return {reinterpret_cast<char*>(records.data()), records.size_bytes()};
}

/// Where a record goes: by its key, and among equal keys by where it came from. So no two places
/// are equal, the order is that of a stable sort, and a key that all records share is no reason for
/// one part to get them all.
struct place {
  std::uint64_t high = 0;  // the key's first 8 bytes, as a number
  std::uint64_t low = 0;   // its last 2, then 48 bits of the position

  friend constexpr auto operator<=>(const place&, const place&) = default;
};

inline constexpr int position_bits = 48;

/// @param position  below 2^48
inline place place_of(const record& record, std::uint64_t position) {
  static_assert(std::endian::native == std::endian::little, "a byte swap too many");
  std::uint64_t high;
  std::uint16_t tail;
  std::memcpy(&high, record.bytes.data(), sizeof high);
  std::memcpy(&tail, record.bytes.data() + sizeof high, sizeof tail);
  return {__builtin_bswap64(high),
          (std::uint64_t{__builtin_bswap16(tail)} << position_bits) | position};
}

}  // namespace sorting
