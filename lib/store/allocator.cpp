#include "store/allocator.hpp"

#include <algorithm>
#include <iterator>

#include "wire/ids.hpp"
#include "wire/invariant.hpp"

namespace mobula::store {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t extent_bytes_max = 256 * mebibyte;
constexpr std::uint64_t page = 4096;
// What an extent of its own counts is rounded to.
constexpr std::uint64_t own_unit = 64 * 1024;

std::uint64_t round_up(std::uint64_t size, std::uint64_t unit) {
  return (size + unit - 1) / unit * unit;
}

// The address range for a block of its own: a power of two and up to seven eighths, so that a few
// ranges serve blocks of all sizes, one after the other.
std::uint64_t range_for(std::uint64_t size) {
  std::uint64_t step = page;
  while (step * 16 < size) step *= 2;
  return round_up(size, step);
}

}  // namespace

std::size_t allocator::place_hash::operator()(const place& one) const {
  return wire::mix(std::uint64_t{one.first} << 48 ^ one.second);
}

allocator::allocator(allocator_limits limits) : limits_{limits} {
  std::uint64_t& size = limits_.extent_bytes;
  if (size == 0) {
    size = std::min(extent_bytes_max, std::max(mebibyte, limits.capacity_bytes / 16));
  }
  size = std::max(page, std::min(size, limits.capacity_bytes) / page * page);
}

std::optional<block> allocator::allocate(std::uint64_t size_bytes) {
  if (size_bytes > limits_.capacity_bytes) return std::nullopt;
  const std::uint64_t size = round_up(std::max<std::uint64_t>(size_bytes, 1), alignment);
  return size > limits_.extent_bytes ? allocate_own(size) : allocate_shared(size);
}

std::optional<block> allocator::allocate_shared(std::uint64_t size) {
  auto fit = free_by_size_.lower_bound({size, 0, 0});
  if (fit == free_by_size_.end()) {
    // The last bit of the capacity, less than an extent, still takes blocks one by one.
    if (!open_shared()) return allocate_own(size);
    fit = free_by_size_.lower_bound({size, 0, 0});
  }
  const auto [range, number, offset] = *fit;
  remove_free({number, offset}, range);
  if (range > size) add_free({number, offset + size}, range - size);
  return note({number, offset}, size);
}

std::optional<block> allocator::allocate_own(std::uint64_t size) {
  const std::uint64_t counted = round_up(size, own_unit);
  // A range that is not much too large, rather a warm one.
  std::optional<std::uint32_t> chosen;
  for (std::uint32_t number = 0; number < extents_.size(); ++number) {
    const extent& one = extents_[number];
    if (one.shared || one.state == extent_state::lost || one.in_use != 0) continue;
    if (one.size_bytes < size || one.size_bytes / 2 > size) continue;
    const bool warmer =
        chosen && one.state == extent_state::warm && extents_[*chosen].state == extent_state::cold;
    if (!chosen || warmer) chosen = number;
  }
  if (chosen && extents_[*chosen].state == extent_state::warm) {
    // Taken out of what may have to make room for the rest that it needs.
    extent& one = extents_[*chosen];
    empty_warm_.erase(*chosen);
    empty_warm_bytes_ -= one.warm_bytes;
    if (counted > one.warm_bytes && !make_room(counted - one.warm_bytes)) {
      empty_warm_.insert(*chosen);
      empty_warm_bytes_ += one.warm_bytes;
      return std::nullopt;
    }
    warm_up(one, std::max(counted, one.warm_bytes));
    return note({*chosen, 0}, size);
  }
  if (!make_room(counted)) return std::nullopt;
  if (!chosen) chosen = add_extent(range_for(size), false);
  warm_up(extents_[*chosen], counted);
  return note({*chosen, 0}, size);
}

// One more extent for shared use: a cold one, or a new one.
bool allocator::open_shared() {
  if (!make_room(limits_.extent_bytes)) return false;
  std::uint32_t number = 0;
  while (number < extents_.size() &&
         !(extents_[number].shared && extents_[number].state == extent_state::cold)) {
    ++number;
  }
  if (number == extents_.size()) add_extent(limits_.extent_bytes, true);
  warm_up(extents_[number], limits_.extent_bytes);
  add_free({number, 0}, limits_.extent_bytes);
  empty_warm_.insert(number);
  empty_warm_bytes_ += limits_.extent_bytes;
  return true;
}

std::uint32_t allocator::add_extent(std::uint64_t size, bool shared) {
  const auto number = static_cast<std::uint32_t>(extents_.size());
  extent& made = extents_.emplace_back();
  made.size_bytes = size;
  made.shared = shared;
  changes_.push_back({extent_change::kind::make, number, size});
  return number;
}

// Lets so many bytes more become warm; empty extents give theirs up.
bool allocator::make_room(std::uint64_t bytes) {
  if (bytes > limits_.capacity_bytes) return false;
  if (warm_ - empty_warm_bytes_ + bytes > limits_.capacity_bytes) return false;
  while (warm_ + bytes > limits_.capacity_bytes) cool_down(*std::prev(empty_warm_.end()));
  return true;
}

void allocator::warm_up(extent& one, std::uint64_t bytes) {
  if (one.state == extent_state::warm) warm_ -= one.warm_bytes;
  one.state = extent_state::warm;
  one.warm_bytes = bytes;
  warm_ += bytes;
}

void allocator::cool_down(std::uint32_t number) {
  extent& one = extents_[number];
  wire::insist(one.in_use == 0 && one.state == extent_state::warm,
               "only an empty extent cools down", number, one.in_use);
  empty_warm_.erase(number);
  empty_warm_bytes_ -= one.warm_bytes;
  warm_ -= one.warm_bytes;
  one.state = extent_state::cold;
  if (one.shared) remove_free({number, 0}, one.size_bytes);
  changes_.push_back({extent_change::kind::release, number, one.size_bytes});
}

block allocator::note(place where, std::uint64_t size) {
  extent& one = extents_[where.first];
  if (one.in_use == 0 && empty_warm_.erase(where.first) != 0) empty_warm_bytes_ -= one.warm_bytes;
  one.in_use += size;
  in_use_ += size;
  if (++last_generation_ == 0) ++last_generation_;
  live_.emplace(where, live_block{size, last_generation_});
  return {where.first, last_generation_, where.second};
}

bool allocator::release(const block& gone) {
  const auto found = live_.find({gone.extent, gone.offset});
  if (found == live_.end() || found->second.generation != gone.generation) return false;
  const std::uint64_t size = found->second.size_bytes;
  live_.erase(found);
  extent& one = extents_[gone.extent];
  one.in_use -= size;
  in_use_ -= size;
  if (one.shared) join_free({gone.extent, gone.offset}, size);
  if (one.in_use == 0) {
    empty_warm_.insert(gone.extent);
    empty_warm_bytes_ += one.warm_bytes;
    while (empty_warm_bytes_ > std::max(limits_.capacity_bytes / 4, limits_.extent_bytes))
      cool_down(*std::prev(empty_warm_.end()));
  }
  return true;
}

std::uint64_t allocator::size_of(const block& one) const {
  const auto found = live_.find({one.extent, one.offset});
  return found != live_.end() && found->second.generation == one.generation
             ? found->second.size_bytes
             : 0;
}

void allocator::give_up(std::uint32_t number) {
  extent& one = extents_[number];
  if (one.state == extent_state::warm) cool_down(number);
  std::erase_if(changes_,
                [number](const extent_change& change) { return change.extent == number; });
  one.state = extent_state::lost;
}

void allocator::add_free(place where, std::uint64_t size) {
  free_.emplace(where, size);
  free_by_size_.emplace(size, where.first, where.second);
}

void allocator::remove_free(place where, std::uint64_t size) {
  const bool both =
      free_.erase(where) == 1 && free_by_size_.erase({size, where.first, where.second}) == 1;
  wire::insist(both, "a free range stands in both books", where.first, where.second, size);
}

void allocator::join_free(place where, std::uint64_t size) {
  const auto next = free_.upper_bound(where);
  if (next != free_.begin()) {
    const auto [before, before_size] = *std::prev(next);
    if (before.first == where.first && before.second + before_size == where.second) {
      remove_free(before, before_size);
      where.second = before.second;
      size += before_size;
    }
  }
  const place behind{where.first, where.second + size};
  if (const auto after = free_.find(behind); after != free_.end()) {
    const std::uint64_t after_size = after->second;
    remove_free(behind, after_size);
    size += after_size;
  }
  add_free(where, size);
}

std::uint64_t allocator::largest_free_bytes() const {
  std::uint64_t largest = limits_.capacity_bytes - (warm_ - empty_warm_bytes_);
  if (!free_by_size_.empty()) largest = std::max(largest, std::get<0>(*free_by_size_.rbegin()));
  return largest;
}

void allocator::check() const {
  std::uint64_t in_use = 0;
  std::uint64_t warm = 0;
  std::uint64_t empty = 0;
  for (std::uint32_t number = 0; number < extents_.size(); ++number) {
    const extent& one = extents_[number];
    in_use += one.in_use;
    if (one.state != extent_state::warm) {
      wire::insist(one.in_use == 0, "nothing lives in a cold extent", number);
      continue;
    }
    warm += one.warm_bytes;
    const bool listed = empty_warm_.contains(number);
    wire::insist(listed == (one.in_use == 0), "empty warm extents are listed", number);
    if (listed) empty += one.warm_bytes;
  }
  std::uint64_t blocks = 0;
  for (const auto& [where, one] : live_) blocks += one.size_bytes;
  wire::insist(in_use == in_use_ && blocks == in_use_, "bytes in use add up", in_use, blocks);
  wire::insist(warm == warm_ && warm_ <= limits_.capacity_bytes, "warm bytes add up", warm, warm_);
  wire::insist(empty == empty_warm_bytes_, "empty warm bytes add up", empty, empty_warm_bytes_);
  wire::insist(free_.size() == free_by_size_.size(), "free ranges stand in both books");

  // Free ranges never touch: they would have been joined. With the blocks they fill the extents.
  std::uint64_t free_bytes = 0;
  place end{0xffff'ffff, 0};
  for (const auto& [where, size] : free_) {
    wire::insist(where != end, "free neighbours are joined", where.first, where.second);
    end = {where.first, where.second + size};
    free_bytes += size;
  }
  std::uint64_t shared_bytes = 0;
  for (const extent& one : extents_)
    if (one.shared && one.state == extent_state::warm) shared_bytes += one.size_bytes - one.in_use;
  wire::insist(free_bytes == shared_bytes, "free bytes add up", free_bytes, shared_bytes);
}

}  // namespace mobula::store
