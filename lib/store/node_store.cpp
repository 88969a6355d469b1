#include "store/node_store.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "store/store_size.hpp"
#include "wire/invariant.hpp"

namespace mobula::store {

namespace {

block block_at(const wire::location& where) {
  return {where.extent, where.generation, where.offset};
}

}  // namespace

std::uint64_t default_warm_ahead_bytes(std::uint64_t capacity_bytes) {
  return std::min(capacity_bytes / 8, std::uint64_t{1} << 30);
}

node_store::node_store(node_store_options options)
    : options_{std::move(options)},
      books_{{options_.limits.capacity_bytes, options_.limits.extent_bytes,
              options_.numa.distances}} {}

core::block_store::allocation node_store::allocate_near(wire::numa_node node,
                                                        std::uint64_t size_bytes) {
  const unsigned domain = domain_of(node);
  const std::optional<block> made = books_.allocate(size_bytes, domain);
  if (!made) {
    const std::string why =
        size_bytes > capacity_bytes()
            ? "it may have " + bytes_in_words(capacity_bytes()) + " in all"
            : "of its " + bytes_in_words(capacity_bytes()) + ", " + bytes_in_words(in_use_bytes()) +
                  " are in use by " + std::to_string(blocks()) +
                  (blocks() == 1 ? " object" : " objects") + ", and about " +
                  bytes_in_words(books_.largest_free_bytes()) + " are free in one piece";
    return {{}, refusal(size_bytes, why)};
  }
  if (!apply_changes()) {
    const int error = errno;
    books_.release(*made);
    books_.give_up(made->extent);
    return {{},
            refusal(size_bytes, "the system gives no more shared memory (" +
                                    std::generic_category().message(error) + ")" +
                                    (error == EFBIG ? ", raise ulimit -f" : ""))};
  }
  asked_bytes_ += size_bytes;
  warm_up_ahead(domain);
  wire::location where;
  where.node = options_.node;
  where.incarnation = options_.incarnation;
  where.extent = made->extent;
  where.generation = made->generation;
  where.offset = made->offset;
  where.size_bytes = size_bytes;
  return {where, std::nullopt};
}

// For who doesn't say where it is wanted, next to this thread: it is as good as any.
unsigned node_store::domain_of(wire::numa_node node) const {
  if (books_.domains() == 1) return 0;
  return options_.numa.domain_of(node == wire::any_numa_node ? numa_node_here() : node);
}

void node_store::release(const wire::location& gone) {
  wire::insist(is_live(gone) && books_.release(block_at(gone)), "only a live block is released",
               gone.extent, gone.offset, gone.generation);
  apply_changes();
}

void node_store::tick(std::uint64_t now_ns) {
  if (!books_.has_surplus()) {
    next_trim_ns_ = never;
  } else if (next_trim_ns_ == never) {
    next_trim_ns_ = now_ns + idle_ns_min;
  } else if (now_ns >= next_trim_ns_) {
    books_.trim();
    apply_changes();
    next_trim_ns_ = now_ns + idle_ns_min;
  }
}

std::optional<std::span<std::byte>> node_store::bytes(const wire::location& where) {
  if (!is_live(where)) return std::nullopt;
  const std::span<std::byte> whole = extents_[where.extent]->bytes();
  if (whole.empty()) return std::nullopt;
  return whole.subspan(where.offset, where.size_bytes);
}

int node_store::extent_file(std::uint32_t number) const {
  return number < extents_.size() && extents_[number] ? extents_[number]->file() : -1;
}

std::span<std::byte> node_store::extent_bytes(std::uint32_t number) {
  return number < extents_.size() && extents_[number] ? extents_[number]->bytes()
                                                      : std::span<std::byte>{};
}

bool node_store::is_live(const wire::location& where) const {
  return where.node == options_.node && where.incarnation == options_.incarnation &&
         books_.size_of(block_at(where)) != 0 &&
         books_.size_of(block_at(where)) >= where.size_bytes;
}

// False if an extent could not be made (errno tells): it can only be the last one's.
bool node_store::apply_changes() {
  bool made_all = true;
  for (const extent_change& change : books_.take_changes()) {
    if (change.what == extent_change::kind::make) {
      extents_.resize(change.extent + 1);
      extents_[change.extent] = extent::make(change.size_bytes);
      const auto& made = extents_[change.extent];
      made_all = made_all && made.has_value();
      // Where the system refuses that, pages come from where they are touched.
      if (made && books_.domains() > 1)
        prefer_numa_node(made->file(), made->size_bytes(), options_.numa.nodes[change.domain]);
    } else if (extents_[change.extent]) {
      if (options_.before_release) options_.before_release(change.extent);
      ahead_.drop(change.extent);
      extents_[change.extent]->release_memory(change.offset, change.size_bytes);
    }
  }
  return made_all;
}

// Not by every few bytes: what is missing is looked for among all extents.
void node_store::warm_up_ahead(unsigned domain) {
  constexpr std::uint64_t step = std::uint64_t{1} << 20;
  const std::uint64_t wanted = std::min(options_.warm_ahead_bytes, asked_bytes_);
  const std::uint64_t ready = books_.ready_bytes();
  if (ready >= wanted || wanted - ready < std::max(step, wanted / 4)) return;
  const auto fresh = books_.take_fresh(wanted - ready, domain);
  // What the system refuses now it may refuse again: blocks are asked for all the same, and say so.
  if (!apply_changes()) options_.warm_ahead_bytes = 0;
  for (const auto& one : fresh) {
    if (extents_[one.extent]) {
      ahead_.add(one.extent, extents_[one.extent]->file(), one.offset, one.size_bytes);
    } else {
      books_.give_up(one.extent);
    }
  }
}

wire::error_value node_store::refusal(std::uint64_t size_bytes, const std::string& why) const {
  wire::error_value error;
  error.code = wire::error_code::store_full;
  error.process = wire::process_id::scheduler_of(options_.node);
  error.host = options_.host;
  error.what = "the object store of node " + std::to_string(options_.node) +
               (options_.host.empty() ? "" : " (" + options_.host + ")") + " has no room for " +
               bytes_in_words(size_bytes) + ": " + why +
               "; let go of refs that are no longer needed, or give it more with .store_bytes or "
               "MOBULA_STORE_BYTES";
  return error;
}

}  // namespace mobula::store
