#include "store/allocator.hpp"

#include <algorithm>
#include <iterator>

#include "wire/invariant.hpp"

namespace mobula::store {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t extent_bytes_max = 256 * mebibyte;
constexpr std::uint64_t page = page_states::page_bytes;

std::uint64_t round_up(std::uint64_t size, std::uint64_t unit) {
  return (size + unit - 1) / unit * unit;
}

// A block of whole pages has pages to itself, whose protection can be its own.
std::uint64_t alignment_for(std::uint64_t size) {
  return size % page == 0 ? page : allocator::alignment;
}

// The address range for a block of its own: a power of two and up to seven eighths, so that a few
// ranges serve blocks of all sizes, one after the other.
std::uint64_t range_for(std::uint64_t size) {
  std::uint64_t step = page;
  while (step * 16 < size) step *= 2;
  return round_up(size, step);
}

}  // namespace

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
  auto where = book_.take(size, next_generation(), alignment_for(size));
  if (!where) {
    if (!has_room(round_up(size, page))) return std::nullopt;
    open_shared();
    where = book_.take(size, next_generation(), alignment_for(size));
  }
  return settle(*where);
}

std::optional<block> allocator::allocate_own(std::uint64_t size) {
  // A range that is not much too large, rather a warm one.
  std::optional<std::uint32_t> chosen;
  for (std::uint32_t number = 0; number < extents_.size(); ++number) {
    const extent& one = extents_[number];
    if (one.shared || one.lost || one.in_use != 0) continue;
    if (one.size_bytes < size || one.size_bytes / 2 > size) continue;
    if (!chosen || one.pages.warm_bytes() > extents_[*chosen].pages.warm_bytes()) chosen = number;
  }
  if (!chosen) {
    if (!has_room(round_up(size, page))) return std::nullopt;
    chosen = add_extent(range_for(size), false);
  }
  book_.extend(*chosen, size);
  return settle(book_.take_line(*chosen, next_generation()));
}

// The range was taken in the book: sees to it that there may be memory under it.
std::optional<block> allocator::settle(const line_range& where) {
  extent& one = extents_[where.line];
  const page_states::amounts under = one.pages.under(where.offset, where.end());
  const std::uint64_t given_up_no_more = one.held ? 0 : under.idle_bytes;
  if (!has_room(under.cold_bytes + given_up_no_more)) {
    book_.release(where.line, where.offset);
    if (!one.shared) book_.cut(where.line);
    return std::nullopt;
  }
  count_out(where.line);
  one.pages.use(where.offset, where.end());
  one.in_use += where.size_bytes;
  count_in(where.line);
  in_use_ += where.size_bytes;
  make_room();
  note_need();
  return block{where.line, last_generation_, where.offset};
}

std::uint32_t allocator::next_generation() {
  if (++last_generation_ == 0) ++last_generation_;
  return last_generation_;
}

// One more extent for shared use: one that was closed, or a new one. Warm from the beginning if the
// capacity allows all of it; otherwise page by page.
std::uint32_t allocator::open_shared() {
  const std::uint32_t number =
      closed_.empty() ? add_extent(limits_.extent_bytes, true) : *closed_.begin();
  closed_.erase(number);
  const bool warm = warm_ + limits_.extent_bytes <= limits_.capacity_bytes;
  extents_[number].pages = page_states{limits_.extent_bytes, warm};
  book_.extend(number, limits_.extent_bytes);
  count_in(number);
  return number;
}

std::uint32_t allocator::add_extent(std::uint64_t size, bool shared) {
  const auto number = static_cast<std::uint32_t>(extents_.size());
  extent& made = extents_.emplace_back();
  made.size_bytes = size;
  made.shared = shared;
  made.pages = page_states{size, false};
  changes_.push_back({extent_change::kind::make, number, 0, size});
  return number;
}

// Whether so many bytes could be in use beside what is in use now.
bool allocator::has_room(std::uint64_t bytes) const {
  return warm_ - idle_ + bytes <= limits_.capacity_bytes;
}

// Idle pages give up their memory where there is more of it than there may be: those of empty
// extents first, then where there are most.
void allocator::make_room() {
  while (warm_ > limits_.capacity_bytes) {
    std::uint32_t from = 0;
    if (!empty_.empty()) {
      from = *empty_.rbegin();
    } else {
      const auto idle = [](const extent& one) { return one.held ? 0 : one.pages.idle_bytes(); };
      const auto most = std::ranges::max_element(extents_, {}, idle);
      wire::insist(idle(*most) != 0, "there is room", warm_, idle_);
      from = static_cast<std::uint32_t>(most - extents_.begin());
    }
    const std::uint64_t excess = warm_ - limits_.capacity_bytes;
    count_out(from);
    for (const auto& cooled : extents_[from].pages.cool(excess))
      changes_.push_back({extent_change::kind::release, from, cooled.offset, cooled.size_bytes});
    if (extent& one = extents_[from]; one.in_use == 0 && one.pages.warm_bytes() == 0) shut(from);
    count_in(from);
  }
}

bool allocator::release(const block& gone) {
  const auto found = book_.find(gone.extent, gone.offset);
  if (!found || found->tag != gone.generation) return false;
  extent& one = extents_[gone.extent];
  count_out(gone.extent);
  line_range joined = book_.release(gone.extent, gone.offset);
  if (!one.shared) {
    book_.cut(gone.extent);
    joined = {gone.extent, 0, one.size_bytes};
  }
  one.pages.leave(gone.offset, gone.offset + found->size_bytes, joined);
  one.in_use -= found->size_bytes;
  in_use_ -= found->size_bytes;
  count_in(gone.extent);
  return true;
}

// What is kept warm however long nothing needs it.
std::uint64_t allocator::kept_bytes() const {
  return std::max(limits_.capacity_bytes / 4, limits_.extent_bytes);
}

void allocator::trim() { shrink_to(empty_warm_ - unneeded_ + kept_bytes()); }

void allocator::shrink() { shrink_to(kept_bytes()); }

void allocator::shrink_to(std::uint64_t bytes) {
  while (empty_warm_ > bytes) close(*empty_.rbegin());
  unneeded_ = empty_warm_;
}

// All memory of an empty extent is given back.
void allocator::close(std::uint32_t number) {
  extent& one = extents_[number];
  wire::insist(one.in_use == 0, "only an empty extent is closed", number, one.in_use);
  count_out(number);
  one.pages = page_states{one.size_bytes, false};
  shut(number);
  changes_.push_back({extent_change::kind::release, number, 0, one.size_bytes});
}

// It has neither blocks nor memory: where there is memory is the better place for the next block.
void allocator::shut(std::uint32_t number) {
  if (!extents_[number].shared) return;
  book_.cut(number);
  closed_.insert(number);
}

void allocator::count_in(std::uint32_t number) {
  const extent& one = extents_[number];
  warm_ += one.pages.warm_bytes();
  ready_ += one.pages.ready_bytes();
  if (one.held) return;
  idle_ += one.pages.idle_bytes();
  if (one.in_use != 0 || one.pages.warm_bytes() == 0) return;
  empty_.insert(number);
  empty_warm_ += one.pages.warm_bytes();
}

// Before anything of what is summed up changes.
void allocator::count_out(std::uint32_t number) {
  const extent& one = extents_[number];
  warm_ -= one.pages.warm_bytes();
  ready_ -= one.pages.ready_bytes();
  if (one.held) return;
  idle_ -= one.pages.idle_bytes();
  if (one.in_use != 0 || one.pages.warm_bytes() == 0) return;
  empty_.erase(number);
  empty_warm_ -= one.pages.warm_bytes();
}

std::uint64_t allocator::size_of(const block& one) const {
  const auto found = book_.find(one.extent, one.offset);
  return found && found->tag == one.generation ? found->size_bytes : 0;
}

void allocator::give_up(std::uint32_t number) {
  extent& one = extents_[number];
  wire::insist(one.in_use == 0, "nothing lives in what is given up", number, one.in_use);
  count_out(number);
  if (one.shared) book_.cut(number);
  one.pages = {};
  closed_.erase(number);
  one.lost = true;
  note_need();
  std::erase_if(changes_,
                [number](const extent_change& change) { return change.extent == number; });
}

void allocator::hold(std::uint32_t number, bool held) {
  count_out(number);
  extents_[number].held = held;
  count_in(number);
  note_need();
}

std::vector<allocator::fresh_pages> allocator::take_fresh(std::uint64_t bytes) {
  std::vector<fresh_pages> all;
  const auto take_from = [&](std::uint32_t number) {
    count_out(number);
    for (const auto& one : extents_[number].pages.take_fresh(bytes)) {
      all.push_back({number, one.offset, one.size_bytes});
      bytes -= std::min(bytes, one.size_bytes);
    }
    count_in(number);
  };
  for (std::uint32_t number = 0; number < extents_.size() && bytes != 0; ++number) {
    const page_states& pages = extents_[number].pages;
    if (pages.idle_bytes() != pages.ready_bytes()) take_from(number);
  }
  while (bytes != 0 && warm_ + limits_.extent_bytes <= limits_.capacity_bytes)
    take_from(open_shared());
  return all;
}

std::uint64_t allocator::largest_free_bytes() const {
  return limits_.capacity_bytes - (warm_ - idle_);
}

void allocator::check_pages(std::uint32_t number) const {
  const extent& one = extents_[number];
  page_states expected{one.size_bytes, true};
  std::uint64_t in_use = 0;
  book_.for_each_of(number, [&](const line_range& here, bool taken) {
    if (!taken) return;
    expected.use(here.offset, here.end());
    in_use += here.size_bytes;
    wire::insist(one.pages.under(here.offset, here.end()).idle_bytes == 0 &&
                     one.pages.under(here.offset, here.end()).cold_bytes == 0,
                 "what is taken has memory", number, here.offset);
  });
  wire::insist(in_use == one.in_use, "an extent's bytes in use add up", number, in_use, one.in_use);
  wire::insist(one.lost || one.pages.warm_bytes() - one.pages.idle_bytes() ==
                               one.size_bytes - expected.idle_bytes(),
               "only pages that something lives in are used", number);
}

void allocator::check() const {
  book_.check();
  std::uint64_t in_use = 0;
  std::uint64_t warm = 0;
  std::uint64_t idle = 0;
  std::uint64_t empty = 0;
  std::uint64_t ready = 0;
  for (std::uint32_t number = 0; number < extents_.size(); ++number) {
    check_pages(number);
    const extent& one = extents_[number];
    in_use += one.in_use;
    warm += one.pages.warm_bytes();
    ready += one.pages.ready_bytes();
    wire::insist(one.pages.ready_bytes() <= one.pages.idle_bytes(), "what is ready is idle",
                 number);
    if (one.held) continue;
    idle += one.pages.idle_bytes();
    if (one.in_use == 0) empty += one.pages.warm_bytes();
  }
  wire::insist(in_use == in_use_, "bytes in use add up", in_use, in_use_);
  wire::insist(warm == warm_ && warm_ <= limits_.capacity_bytes, "warm bytes add up", warm, warm_);
  wire::insist(ready == ready_, "ready bytes add up", ready, ready_);
  wire::insist(idle == idle_, "idle bytes add up", idle, idle_);
  wire::insist(empty == empty_warm_, "empty warm bytes add up", empty, empty_warm_);
}

}  // namespace mobula::store
