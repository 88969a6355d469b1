#include "runtime/checksum.hpp"

// All of it is in the header: nothing to link.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace mobula::detail {

struct checksum::state {
  XXH3_state_t sum;
};

checksum::checksum() : state_{std::make_unique<state>()} { XXH3_64bits_reset(&state_->sum); }

checksum::~checksum() = default;

void checksum::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(&state_->sum, bytes.data(), bytes.size());
}

std::uint64_t checksum::value() const { return XXH3_64bits_digest(&state_->sum); }

}  // namespace mobula::detail
