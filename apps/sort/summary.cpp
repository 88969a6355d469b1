#include "sort/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "common/input_file.hpp"
#include "sort/wide_product.hpp"

namespace sorting {

namespace {

constexpr std::size_t chunk_records = 10'000;

std::uint64_t folded(std::uint64_t one, std::uint64_t other) {
  const wide_product product = multiply(one, other);
  return product.high ^ product.low;
}

// Products of pairs of words, each word blinded by a constant of its own so that words can't change
// places; after wyhash.
std::uint64_t hash_of(const record& record) {
  constexpr std::uint64_t blinds[] = {0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3,
                                      0x589965cc75374cc3, 0x1d8e4e27c47d124f, 0xeb44accab455d165,
                                      0x9c6e6877736c46e3, 0xc6a4a7935bd1e995, 0x2127599bf4325c37,
                                      0x880355f21e6d1965, 0x6b2f1a3c9d5e4f87, 0xd1b54a32d192ed03};
  const auto word = [&](std::size_t offset) {
    std::uint64_t bits;
    std::memcpy(&bits, record.bytes.data() + offset, sizeof bits);
    return bits;
  };
  std::uint64_t sum = word(record_bytes - 8);
  for (std::size_t i = 0; i < 12; i += 2) {
    sum += folded(word(8 * i) ^ blinds[i], word(8 * i + 8) ^ blinds[i + 1]);
  }
  return folded(sum ^ blinds[1], blinds[0]);
}

bool in_order(const record& one, const record& next) {
  return place_of(one, 0) <= place_of(next, 0);
}

std::size_t read_whole(apps::input_file& file, std::uint64_t offset, std::span<char> room) {
  std::size_t size = 0;
  while (size < room.size()) {
    const std::size_t more = file.read(offset + size, room.subspan(size));
    if (more == 0) break;
    size += more;
  }
  return size;
}

}  // namespace

void summary::add(std::span<const record> records) {
  count += records.size();
  for (const record& each : records) checksum += hash_of(each);
}

summary& summary::operator+=(const summary& other) {
  count += other.count;
  checksum += other.checksum;
  return *this;
}

bool sorted_file::is_before(const sorted_file& next) const {
  return all.count == 0 || next.all.count == 0 || in_order(last, next.first);
}

sorted_file check_sorted(const std::string& path) {
  sorted_file found;
  try {
    apps::input_file file{path};
    std::vector<record> room(chunk_records);
    while (true) {
      const std::size_t size =
          read_whole(file, found.all.count * record_bytes, bytes_of(std::span{room}));
      if (size % record_bytes != 0) {
        throw std::runtime_error{fmt::format("{}: ends within a record", path)};
      }
      const std::span<const record> records{room.data(), size / record_bytes};
      if (records.empty()) return found;
      if (found.all.count == 0) found.first = found.last = records.front();
      const auto wrong = std::ranges::adjacent_find(
          records, [](const record& one, const record& next) { return !in_order(one, next); });
      if (wrong != records.end() || !in_order(found.last, records.front())) {
        throw std::runtime_error{fmt::format("{}: its records are not in order", path)};
      }
      found.last = records.back();
      found.all.add(records);
    }
  } catch (const std::system_error& error) {
    throw std::runtime_error{fmt::format("{}: {}", path, error.code().message())};
  }
}

}  // namespace sorting
