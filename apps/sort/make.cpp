#include "sort/make.hpp"

#include <cstring>

#include "sort/random_bits.hpp"

namespace sorting {

namespace {

constexpr char first_printable = '!';
constexpr std::uint64_t printables = '~' - '!' + 1;

// key, 2 blanks, number, 2 blanks, letters, end of line
constexpr std::size_t number_begin = key_bytes + 2;
constexpr std::size_t number_digits = 20;
constexpr std::size_t letters_begin = number_begin + number_digits + 2;
constexpr std::size_t letters_run = 5;
static_assert((record_bytes - 1 - letters_begin) % letters_run == 0);

void make(std::uint64_t seed, std::uint64_t position, char* at) {
  // 94^10 keys are more than 64 bits tell apart.
  for (std::size_t half = 0; half < 2; ++half) {
    std::uint64_t bits = random_bits(seed, 3 * position + half);
    for (std::size_t i = 0; i < key_bytes / 2; ++i) {
      at[half * key_bytes / 2 + i] =
          static_cast<char>(first_printable + take_below(printables, bits));
    }
  }
  std::memset(at + key_bytes, ' ', letters_begin - key_bytes);
  std::uint64_t rest = position;
  for (std::size_t digit = number_digits; digit-- > 0; rest /= 10) {
    at[number_begin + digit] = static_cast<char>('0' + rest % 10);
  }
  std::uint64_t bits = random_bits(seed, 3 * position + 2);
  for (std::size_t i = letters_begin; i < record_bytes - 1; i += letters_run) {
    std::memset(at + i, static_cast<char>('A' + take_below(26, bits)), letters_run);
  }
  at[record_bytes - 1] = '\n';
}

}  // namespace

void make_records(std::uint64_t seed, std::uint64_t first, std::span<record> room) {
  for (record& each : room) make(seed, first++, each.bytes.data());
}

}  // namespace sorting
