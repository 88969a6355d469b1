#include "runtime/block_pin.hpp"

#include <mutex>

#include "runtime/process.hpp"
#include "runtime/store_client.hpp"

namespace mobula::detail {

void block_pin::unpin() noexcept {
  // Also after the job's end: what nobody reads any more need not be kept.
  const std::lock_guard held{home_->lock()};
  home_->store().unpin(number_);
}

}  // namespace mobula::detail
