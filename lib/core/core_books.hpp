#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/device_books.hpp"

namespace mobula::core {

/// What the books know of a core: where it lies. Those with the same number lie together.
struct core_place {
  std::uint32_t group = 0;  // of those that share the smallest thing that cores share: a cache
  std::uint32_t numa = 0;
  std::uint32_t package = 0;
  std::uint32_t kind = 0;              // of machines whose cores differ: more is faster
  std::vector<std::uint32_t> devices;  // GPUs next to it, by their places in the books
  bool operator==(const core_place&) const = default;
};

/// All of a core, or a part of it.
struct core_share {
  std::uint32_t number = 0;  // its place in the books
  std::int64_t amount = 0;   // in units of resource_amounts
  bool operator==(const core_share&) const = default;
};
/// The cores of one lease, in the order of their numbers: whole ones, and for the rest a part.
using core_set = std::vector<core_share>;

/// Which cores of a seat are whose.
///
/// Amounts alone decide whether there is room for a lease; cores are found for it afterwards, and
/// always are. They are the lease's alone as far as they can be: what is free may lie in pieces,
/// and who takes lent cpus back takes the cores along, whoever is there by now.
class core_books {
 public:
  explicit core_books(std::vector<core_place> cores = {});

  std::size_t size() const { return cores_.size(); }
  /// For a lease of so many cpus that sees these GPUs: next to them, the faster ones first, those
  /// of one lease close together; a part of a core where most is taken already. Where that is not
  /// free, the least used ones. Of no cpus, or in empty books: none.
  core_set find(std::int64_t cpus, const device_set& near = {}) const;
  /// How much of these others have taken: 0 if all is free.
  std::int64_t shared(const core_set& cores) const;
  bool is_free(const core_set& cores) const { return shared(cores) == 0; }
  void take(const core_set& cores);
  void give(const core_set& cores);

 private:
  using numbers = std::vector<std::uint32_t>;
  bool is_far(std::uint32_t core, const device_set& near) const;
  numbers find_whole(std::size_t count, const device_set& near) const;
  void add_close(numbers from, std::size_t count, numbers& to) const;
  void add_used(std::size_t count, const device_set& near, numbers& to) const;
  std::uint32_t find_part(std::int64_t amount, const device_set& near, const numbers& whole) const;

  std::vector<core_place> cores_;
  std::vector<std::int64_t> free_;  // below nothing where leases share
};

}  // namespace mobula::core
