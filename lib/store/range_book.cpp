#include "store/range_book.hpp"

#include <algorithm>
#include <bit>

#include "wire/ids.hpp"
#include "wire/invariant.hpp"

namespace mobula::store {

namespace {

// So many ranges of a bin are looked at: a bound, so that the cost stays what it is.
constexpr int looks_max = 32;
constexpr unsigned line_shift = 38;  // log2 of the units of a line

std::uint64_t gap_to(std::uint64_t offset, std::uint64_t alignment) {
  return (alignment - offset % alignment) % alignment;
}

}  // namespace

range_book::range_book() : table_(64, none) { bins_.fill(none); }

std::uint64_t range_book::place_of(std::uint32_t line, std::uint64_t offset) {
  return std::uint64_t{line} << line_shift | offset / unit;
}

line_range range_book::range_of(const node& one) {
  constexpr std::uint64_t offsets = (std::uint64_t{1} << line_shift) - 1;
  return {static_cast<std::uint32_t>(one.place >> line_shift), (one.place & offsets) * unit,
          one.size_bytes};
}

// Exact below 2 KiB, within 1/32 above.
unsigned range_book::bin_of(std::uint64_t size_bytes) {
  const std::uint64_t units = size_bytes / unit;
  if (units < 1U << bins_a_power_log2) return static_cast<unsigned>(units);
  const auto power = static_cast<unsigned>(std::bit_width(units)) - 1;
  const auto within =
      static_cast<unsigned>(units >> (power - bins_a_power_log2)) - (1U << bins_a_power_log2);
  return ((power - bins_a_power_log2 + 1) << bins_a_power_log2) + within;
}

void range_book::extend(std::uint32_t line, std::uint64_t bytes) {
  if (line >= ends_.size()) ends_.resize(line + 1);
  line_ends& ends = ends_[line];
  const std::uint32_t last = ends.last;
  const std::uint64_t end = last == none ? 0 : range_of(nodes_[last]).end();
  wire::insist(bytes % unit == 0 && end + bytes < line_bytes_max, "a line has a sound length",
               bytes, end);
  if (last != none && !nodes_[last].is_taken) {
    unhang(last);
    nodes_[last].size_bytes += bytes;
    return hang(last);
  }
  const std::uint32_t made = make_node(place_of(line, end), bytes);
  nodes_[made].before = last;
  if (last != none) nodes_[last].behind = made;
  ends.last = made;
  if (ends.first == none) ends.first = made;
  hang(made);
}

std::uint64_t range_book::cut(std::uint32_t line) {
  if (line >= ends_.size() || ends_[line].last == none) return 0;
  line_ends& ends = ends_[line];
  const std::uint32_t last = ends.last;
  if (nodes_[last].is_taken) return range_of(nodes_[last]).end();
  const std::uint64_t left = range_of(nodes_[last]).offset;
  ends.last = nodes_[last].before;
  if (ends.last != none) nodes_[ends.last].behind = none;
  if (ends.first == last) ends.first = none;
  unhang(last);
  drop_node(last);
  return left;
}

std::optional<line_range> range_book::take(std::uint64_t size_bytes, std::uint32_t tag,
                                           std::uint64_t alignment) {
  wire::insist(size_bytes != 0 && size_bytes % unit == 0, "a range has a sound size", size_bytes);
  wire::insist(std::has_single_bit(alignment) && alignment >= unit, "a range has a sound alignment",
               alignment);
  std::uint32_t chosen = find_fit(size_bytes, alignment);
  if (chosen == none) return std::nullopt;
  unhang(chosen);
  if (const std::uint64_t front = gap_to(range_of(nodes_[chosen]).offset, alignment); front != 0) {
    const std::uint32_t behind = split(chosen, front);
    hang(chosen);
    chosen = behind;
  }
  if (nodes_[chosen].size_bytes != size_bytes) hang(split(chosen, size_bytes));
  return mark_taken(chosen, tag);
}

std::optional<line_range> range_book::would_take(std::uint64_t size_bytes,
                                                 std::uint64_t alignment) const {
  const std::uint32_t chosen = find_fit(size_bytes, alignment);
  if (chosen == none) return std::nullopt;
  line_range found = range_of(nodes_[chosen]);
  found.offset += gap_to(found.offset, alignment);
  found.size_bytes = size_bytes;
  return found;
}

// Of a free range that hangs in no bin: `left_bytes` of it stay. @returns the others
std::uint32_t range_book::split(std::uint32_t number, std::uint64_t left_bytes) {
  const std::uint32_t tail =
      make_node(nodes_[number].place + left_bytes / unit, nodes_[number].size_bytes - left_bytes);
  node& head = nodes_[number];
  head.size_bytes = left_bytes;
  nodes_[tail].before = number;
  nodes_[tail].behind = head.behind;
  if (head.behind != none) {
    nodes_[head.behind].before = tail;
  } else {
    ends_[range_of(head).line].last = tail;
  }
  head.behind = tail;
  return tail;
}

line_range range_book::take_line(std::uint32_t line, std::uint32_t tag) {
  const line_ends& ends = ends_[line];
  wire::insist(ends.first != none && ends.first == ends.last && !nodes_[ends.first].is_taken,
               "only a free line is taken as a whole", line);
  unhang(ends.first);
  return mark_taken(ends.first, tag);
}

line_range range_book::mark_taken(std::uint32_t number, std::uint32_t tag) {
  nodes_[number].is_taken = true;
  nodes_[number].tag = tag;
  note_taken(number);
  return range_of(nodes_[number]);
}

std::optional<range_book::taken> range_book::find(std::uint32_t line, std::uint64_t offset) const {
  if (line >= ends_.size() || offset % unit != 0 || offset >= line_bytes_max) return std::nullopt;
  const std::uint32_t found = table_[slot_of(place_of(line, offset))];
  if (found == none) return std::nullopt;
  return taken{nodes_[found].size_bytes, nodes_[found].tag};
}

line_range range_book::release(std::uint32_t line, std::uint64_t offset) {
  const std::size_t slot = slot_of(place_of(line, offset));
  std::uint32_t number = table_[slot];
  wire::insist(number != none, "only what is taken is released", line, offset);
  forget_taken(slot);
  nodes_[number].is_taken = false;
  const auto is_free = [this](std::uint32_t one) { return one != none && !nodes_[one].is_taken; };
  if (const std::uint32_t behind = nodes_[number].behind; is_free(behind)) {
    unhang(behind);
    join_with_next(number);
  }
  if (const std::uint32_t before = nodes_[number].before; is_free(before)) {
    unhang(before);
    join_with_next(before);
    number = before;
  }
  hang(number);
  return range_of(nodes_[number]);
}

// Neither hangs in a bin.
void range_book::join_with_next(std::uint32_t number) {
  node& one = nodes_[number];
  const std::uint32_t gone = one.behind;
  one.size_bytes += nodes_[gone].size_bytes;
  one.behind = nodes_[gone].behind;
  if (one.behind != none) {
    nodes_[one.behind].before = number;
  } else {
    ends_[range_of(one).line].last = number;
  }
  drop_node(gone);
}

std::uint32_t range_book::find_fit(std::uint64_t size_bytes, std::uint64_t alignment) const {
  // From the bin behind `sure` on, whatever hangs there fits.
  const unsigned sure = bin_of(size_bytes + alignment - unit);
  std::uint32_t best = none;
  int looks = 0;
  for (unsigned bin = bin_of(size_bytes); best == none && bin <= sure; bin = next_bin(bin + 1)) {
    for (std::uint32_t at = bins_[bin]; at != none && looks < looks_max;
         at = nodes_[at].next, ++looks) {
      const std::uint64_t size = nodes_[at].size_bytes;
      if (size < size_bytes + gap_to(range_of(nodes_[at]).offset, alignment)) continue;
      if (size == size_bytes) return at;
      if (best == none || size < nodes_[best].size_bytes) best = at;
    }
  }
  if (best != none) return best;
  const unsigned larger = next_bin(sure + 1);
  return larger < bins_max ? bins_[larger] : none;
}

unsigned range_book::next_bin(unsigned from) const {
  std::size_t word = from / 64;
  std::uint64_t bits = filled_[word] & ~std::uint64_t{0} << from % 64;
  while (bits == 0) {
    if (++word == filled_.size()) return bins_max;
    bits = filled_[word];
  }
  return static_cast<unsigned>(word * 64) + static_cast<unsigned>(std::countr_zero(bits));
}

std::uint32_t range_book::make_node(std::uint64_t place, std::uint64_t size_bytes) {
  std::uint32_t number = unused_;
  if (number != none) {
    unused_ = nodes_[number].next;
  } else {
    number = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
  }
  nodes_[number] = {};
  nodes_[number].place = place;
  nodes_[number].size_bytes = size_bytes;
  return number;
}

void range_book::drop_node(std::uint32_t number) {
  nodes_[number].size_bytes = 0;
  nodes_[number].next = unused_;
  unused_ = number;
}

void range_book::hang(std::uint32_t number) {
  node& one = nodes_[number];
  const unsigned bin = bin_of(one.size_bytes);
  one.previous = none;
  one.next = bins_[bin];
  if (one.next != none) nodes_[one.next].previous = number;
  bins_[bin] = number;
  filled_[bin / 64] |= std::uint64_t{1} << bin % 64;
}

void range_book::unhang(std::uint32_t number) {
  const node& one = nodes_[number];
  if (one.next != none) nodes_[one.next].previous = one.previous;
  if (one.previous != none) {
    nodes_[one.previous].next = one.next;
    return;
  }
  const unsigned bin = bin_of(one.size_bytes);
  bins_[bin] = one.next;
  if (one.next == none) filled_[bin / 64] &= ~(std::uint64_t{1} << bin % 64);
}

// The slot that has it, or the empty one where it would be.
std::size_t range_book::slot_of(std::uint64_t place) const {
  const std::size_t mask = table_.size() - 1;
  std::size_t slot = wire::mix(place) & mask;
  while (table_[slot] != none && nodes_[table_[slot]].place != place) slot = (slot + 1) & mask;
  return slot;
}

void range_book::note_taken(std::uint32_t number) {
  if (++taken_ * 2 > table_.size()) grow_table();
  table_[slot_of(nodes_[number].place)] = number;
}

void range_book::forget_taken(std::size_t slot) {
  --taken_;
  const std::size_t mask = table_.size() - 1;
  // Those behind move up where the gap would cut them off from the slot that they belong to.
  std::size_t gap = slot;
  for (std::size_t at = (gap + 1) & mask; table_[at] != none; at = (at + 1) & mask) {
    const std::size_t home = wire::mix(nodes_[table_[at]].place) & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    table_[gap] = table_[at];
    gap = at;
  }
  table_[gap] = none;
}

void range_book::grow_table() {
  std::vector<std::uint32_t> old(table_.size() * 2, none);
  old.swap(table_);
  for (const std::uint32_t number : old)
    if (number != none) table_[slot_of(nodes_[number].place)] = number;
}

void range_book::check() const {
  std::size_t in_use = 0;
  std::size_t free = 0;
  for (std::uint32_t line = 0; line < ends_.size(); ++line) {
    std::uint32_t before = none;
    for (std::uint32_t at = ends_[line].first; at != none; at = nodes_[at].behind) {
      const node& one = nodes_[at];
      const line_range here = range_of(one);
      const std::uint64_t begin = before == none ? 0 : range_of(nodes_[before]).end();
      wire::insist(here.line == line && here.offset == begin && one.before == before,
                   "ranges fill their line", line, here.offset, begin);
      wire::insist(before == none || one.is_taken || nodes_[before].is_taken,
                   "free neighbours are joined", line, here.offset);
      wire::insist(!one.is_taken || table_[slot_of(one.place)] == at, "what is taken is found",
                   line, here.offset);
      ++(one.is_taken ? in_use : free);
      before = at;
    }
    wire::insist(ends_[line].last == before, "a line ends with its last range", line);
  }
  std::size_t hanging = 0;
  for (unsigned bin = 0; bin < bins_max; ++bin) {
    const bool filled = (filled_[bin / 64] >> bin % 64 & 1) != 0;
    wire::insist(filled == (bins_[bin] != none), "filled bins are marked", bin);
    for (std::uint32_t at = bins_[bin]; at != none; at = nodes_[at].next) {
      wire::insist(!nodes_[at].is_taken && bin_of(nodes_[at].size_bytes) == bin,
                   "free ranges hang in their bins", bin, nodes_[at].size_bytes);
      ++hanging;
    }
  }
  wire::insist(in_use == taken_ && hanging == free, "ranges add up", in_use, taken_, free, hanging);
}

}  // namespace mobula::store
