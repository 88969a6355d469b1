#include "simulation/value.hpp"

#include <algorithm>
#include <cstring>

namespace mobula::sim {
namespace {

template <class Number>
void append(std::vector<std::byte>& to, Number number) {
  const std::size_t at = to.size();
  to.resize(at + sizeof number);
  std::memcpy(to.data() + at, &number, sizeof number);
}

void append_refs(std::vector<std::byte>& to, const std::vector<written_ref>& refs) {
  append(to, static_cast<std::uint32_t>(refs.size()));
  for (const written_ref& one : refs) {
    append(to, one.id.high());
    append(to, one.id.low());
    append(to, one.expected);
  }
}

std::vector<written_ref> take_refs(wire::reader& from) {
  std::vector<written_ref> refs;
  const auto count = from.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && !from.failed(); ++i) {
    const auto high = from.number<std::uint64_t>();
    const auto low = from.number<std::uint64_t>();
    const auto expected = from.number<label>();
    refs.push_back({wire::object_id::from_words(high, low), expected});
  }
  return refs;
}

std::byte filler_of(label is) { return static_cast<std::byte>(is & 0x7f); }

}  // namespace

std::vector<std::byte> plain_value::encoded() const {
  std::vector<std::byte> bytes;
  append(bytes, is);
  append_refs(bytes, refs);
  append(bytes, static_cast<std::uint64_t>(filler_bytes));
  bytes.resize(bytes.size() + filler_bytes, filler_of(is));
  return bytes;
}

std::optional<plain_value> plain_value::decoded(wire::blob bytes) {
  wire::reader from{bytes};
  plain_value value;
  value.is = from.number<label>();
  value.refs = take_refs(from);
  value.filler_bytes = from.number<std::uint64_t>();
  const wire::blob filler = from.raw(value.filler_bytes);
  const bool whole = from.finished() && std::ranges::all_of(filler, [&](std::byte one) {
                       return one == filler_of(value.is);
                     });
  if (!whole) return std::nullopt;
  return value;
}

std::vector<std::byte> plain_arguments::encoded() const {
  std::vector<std::byte> bytes;
  append(bytes, task);
  append(bytes, seed);
  append(bytes, depth);
  append(bytes, demand);
  append(bytes, caller);
  append(bytes, caller_number);
  append(bytes, static_cast<std::uint32_t>(given.size()));
  for (const label one : given) append(bytes, one);
  append_refs(bytes, refs);
  return bytes;
}

std::optional<plain_arguments> plain_arguments::decoded(wire::blob bytes) {
  wire::reader from{bytes};
  plain_arguments it;
  it.task = from.number<label>();
  it.seed = from.number<std::uint64_t>();
  it.depth = from.number<std::int32_t>();
  it.demand = from.number<std::uint32_t>();
  it.caller = from.number<label>();
  it.caller_number = from.number<std::uint64_t>();
  const auto count = from.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && !from.failed(); ++i)
    it.given.push_back(from.number<label>());
  it.refs = take_refs(from);
  if (!from.finished()) return std::nullopt;
  return it;
}

}  // namespace mobula::sim
