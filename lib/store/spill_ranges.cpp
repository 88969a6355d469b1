#include "store/spill_ranges.hpp"

#include <algorithm>

namespace mobula::store {

namespace {

constexpr std::uint64_t extent_bytes_max = std::uint64_t{64} << 20;

// Eight of them make a small quota.
std::uint64_t extent_bytes_for(std::uint64_t quota_bytes) {
  return std::min(extent_bytes_max, quota_bytes / 8);
}

}  // namespace

spill_ranges::spill_ranges(std::uint64_t quota_bytes, bool punches)
    : books_{{quota_bytes, extent_bytes_for(quota_bytes)}}, punches_{punches} {}

std::optional<spill_range> spill_ranges::take(std::uint64_t size_bytes) {
  const auto made = books_.allocate(size_bytes);
  note_changes();
  if (!made) return std::nullopt;
  return spill_range{*made, begins_[made->extent] + made->offset, size_bytes};
}

bool spill_ranges::give_back(const spill_range& gone) {
  const bool known = books_.release(gone.where);
  // Disk that was used before is no faster than other.
  books_.shrink();
  note_changes();
  return known;
}

void spill_ranges::note_changes() {
  for (const extent_change& one : books_.take_changes()) {
    if (one.what == extent_change::kind::make) {
      begins_.push_back(end_);
      end_ += one.size_bytes;
      // Never given up, then: it goes on counting.
      if (!punches_) books_.hold(one.extent, true);
    } else {
      holes_.push_back({begins_[one.extent] + one.offset, one.size_bytes});
    }
  }
}

}  // namespace mobula::store
