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

allocator::allocator(allocator_limits limits) : limits_{std::move(limits)} {
  std::uint64_t& size = limits_.extent_bytes;
  if (size == 0) {
    size = std::min(extent_bytes_max, std::max(mebibyte, limits_.capacity_bytes / 16));
  }
  size = std::max(page, std::min(size, limits_.capacity_bytes) / page * page);
  domains_.resize(std::max<std::size_t>(limits_.distances.size(), 1));
}

std::optional<block> allocator::allocate(std::uint64_t size_bytes, unsigned domain) {
  wire::insist(domain < domains(), "there is such a domain", domain, domains());
  if (size_bytes > limits_.capacity_bytes) return std::nullopt;
  const std::uint64_t size = round_up(std::max<std::uint64_t>(size_bytes, 1), alignment);
  if (domains() == 1) return allocate_in(0, size);
  std::vector<domain_room> rooms;
  for (unsigned one = 0; one < domains(); ++one) rooms.push_back(room_in(one, size));
  for (const numa_choice& next : domains_to_try(limits_.distances, domain, rooms, size))
    if (const auto made = allocate_in(next.domain, size)) return made;
  return std::nullopt;
}

std::optional<block> allocator::allocate_in(unsigned domain, std::uint64_t size) {
  return is_own(size) ? allocate_own(domain, size) : allocate_shared(domain, size);
}

std::optional<block> allocator::allocate_shared(unsigned domain, std::uint64_t size) {
  range_book& book = domains_[domain].book;
  auto where = book.take(size, next_generation(), alignment_for(size));
  if (!where) {
    if (!has_room(round_up(size, page))) return std::nullopt;
    open_shared(domain);
    where = book.take(size, next_generation(), alignment_for(size));
  }
  return settle(*where);
}

std::optional<block> allocator::allocate_own(unsigned domain, std::uint64_t size) {
  auto chosen = own_extent(domain, size);
  if (!chosen) {
    if (!has_room(round_up(size, page))) return std::nullopt;
    chosen = add_extent(domain, range_for(size), false);
  }
  range_book& book = domains_[domain].book;
  book.extend(*chosen, size);
  return settle(book.take_line(*chosen, next_generation()));
}

// A free range that is not much too large, rather a warm one.
std::optional<std::uint32_t> allocator::own_extent(unsigned domain, std::uint64_t size) const {
  std::optional<std::uint32_t> chosen;
  for (std::uint32_t number = 0; number < extents_.size(); ++number) {
    const extent& one = extents_[number];
    if (one.shared || one.lost || one.in_use != 0 || one.domain != domain) continue;
    if (one.size_bytes < size || one.size_bytes / 2 > size) continue;
    if (!chosen || one.pages.warm_bytes() > extents_[*chosen].pages.warm_bytes()) chosen = number;
  }
  return chosen;
}

// Whether it would be of memory that, for the most part, has been touched.
domain_room allocator::room_in(unsigned domain, std::uint64_t size) const {
  std::optional<line_range> where;
  if (!is_own(size)) {
    where = domains_[domain].book.would_take(size, alignment_for(size));
  } else if (const auto own = own_extent(domain, size)) {
    where = line_range{*own, 0, size};
  }
  const std::uint64_t cold = where || has_room(round_up(size, page)) ? size : 0;
  if (!where) return {0, cold};
  const auto under = extents_[where->line].pages.under(where->offset, where->end());
  return {under.cold_bytes + under.fresh_bytes <= size / 2 ? size : 0, cold};
}

// The range was taken in the book: sees to it that there may be memory under it.
std::optional<block> allocator::settle(const line_range& where) {
  extent& one = extents_[where.line];
  const page_states::amounts under = one.pages.under(where.offset, where.end());
  const std::uint64_t given_up_no_more = one.held ? 0 : under.idle_bytes;
  if (!has_room(under.cold_bytes + given_up_no_more)) {
    book_of(where.line).release(where.line, where.offset);
    if (!one.shared) book_of(where.line).cut(where.line);
    return std::nullopt;
  }
  count_out(where.line);
  one.pages.use(where.offset, where.end());
  one.in_use += where.size_bytes;
  count_in(where.line);
  in_use_ += where.size_bytes;
  ++blocks_;
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
std::uint32_t allocator::open_shared(unsigned domain) {
  std::set<std::uint32_t>& closed = domains_[domain].closed;
  const std::uint32_t number =
      closed.empty() ? add_extent(domain, limits_.extent_bytes, true) : *closed.begin();
  closed.erase(number);
  const bool warm = warm_ + limits_.extent_bytes <= limits_.capacity_bytes;
  extents_[number].pages = page_states{limits_.extent_bytes, warm};
  domains_[domain].book.extend(number, limits_.extent_bytes);
  count_in(number);
  return number;
}

std::uint32_t allocator::add_extent(unsigned domain, std::uint64_t size, bool shared) {
  const auto number = static_cast<std::uint32_t>(extents_.size());
  extent& made = extents_.emplace_back();
  made.size_bytes = size;
  made.domain = domain;
  made.shared = shared;
  made.pages = page_states{size, false};
  changes_.push_back({extent_change::kind::make, number, 0, size, domain});
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
  const auto found = find(gone);
  if (!found) return false;
  extent& one = extents_[gone.extent];
  range_book& book = book_of(gone.extent);
  count_out(gone.extent);
  line_range joined = book.release(gone.extent, gone.offset);
  if (!one.shared) {
    book.cut(gone.extent);
    joined = {gone.extent, 0, one.size_bytes};
  }
  one.pages.leave(gone.offset, gone.offset + found->size_bytes, joined);
  one.in_use -= found->size_bytes;
  in_use_ -= found->size_bytes;
  --blocks_;
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
  book_of(number).cut(number);
  domains_[extents_[number].domain].closed.insert(number);
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

std::optional<range_book::taken> allocator::find(const block& one) const {
  if (one.extent >= extents_.size()) return std::nullopt;
  auto found = book_of(one.extent).find(one.extent, one.offset);
  if (found && found->tag != one.generation) found.reset();
  return found;
}

std::uint64_t allocator::size_of(const block& one) const {
  const auto found = find(one);
  return found ? found->size_bytes : 0;
}

void allocator::give_up(std::uint32_t number) {
  extent& one = extents_[number];
  wire::insist(one.in_use == 0, "nothing lives in what is given up", number, one.in_use);
  count_out(number);
  if (one.shared) book_of(number).cut(number);
  one.pages = {};
  domains_[one.domain].closed.erase(number);
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

std::vector<allocator::fresh_pages> allocator::take_fresh(std::uint64_t bytes, unsigned domain) {
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
    const extent& one = extents_[number];
    if (one.domain == domain && one.pages.idle_bytes() != one.pages.ready_bytes())
      take_from(number);
  }
  while (bytes != 0 && warm_ + limits_.extent_bytes <= limits_.capacity_bytes)
    take_from(open_shared(domain));
  return all;
}

std::uint64_t allocator::largest_free_bytes() const {
  return limits_.capacity_bytes - (warm_ - idle_);
}

void allocator::check_pages(std::uint32_t number) const {
  const extent& one = extents_[number];
  page_states expected{one.size_bytes, true};
  std::uint64_t in_use = 0;
  book_of(number).for_each_of(number, [&](const line_range& here, bool taken) {
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
  std::size_t blocks = 0;
  for (const memory_domain& one : domains_) {
    one.book.check();
    blocks += one.book.ranges_taken();
  }
  wire::insist(blocks == blocks_, "blocks add up", blocks, blocks_);
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
