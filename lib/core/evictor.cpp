#include "core/evictor.hpp"

#include <algorithm>
#include <utility>

#include "wire/codec.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

evictor::evictor(copy_table& copies, spilling& places, const pin_table& lent, local_pins* pins,
                 std::uint64_t capacity_bytes, wire::outbox& out, evictor_limits limits)
    : copies_{copies},
      places_{places},
      lent_{lent},
      pins_{pins},
      batch_bytes_{capacity_bytes / limits.batch_part},
      out_{out},
      limits_{limits} {}

evictor::outcome evictor::make_room(std::uint64_t bytes, std::uint64_t now_ns) {
  const auto under_way = [this] { return places_.bytes_leaving() + bytes_offered_; };
  if (under_way() >= bytes && under_way() != 0) return outcome::under_way;
  const bool to_disk = places_.has_disk() && now_ns >= retry_at_ns_;
  if (!has_candidates(true, now_ns) && !(to_disk && has_candidates(false, now_ns)))
    return under_way() != 0 ? outcome::under_way : outcome::nothing;
  if (pins_) pins_->look();
  std::uint64_t wanted = std::max(bytes, batch_bytes_) - under_way();
  wanted -= gather(true, wanted, now_ns, [this](copy& one) {
    one.offered = true;
    one.wanted = false;
    bytes_offered_ += one.name.size_bytes;
    wire::send(out_, one.object.owner(), wire::store_offer{one.object, one.name});
    return true;
  });
  bool freed = false;
  if (to_disk) {
    gather(false, wanted, now_ns, [&](copy& one) {
      if (!spill(one)) return false;
      freed |= one.is_in == residence::disk;
      return true;
    });
  }
  if (freed) return outcome::freed;
  return under_way() != 0 ? outcome::under_way : outcome::nothing;
}

bool evictor::has_candidates(bool replicas, std::uint64_t now_ns) const {
  const copy* oldest = places_.order(replicas).front();
  while (oldest && oldest->offered) oldest = oldest->next;
  return oldest && oldest->used_ns + limits_.grace_ns <= now_ns;
}

// @returns how many bytes go, at most what is wanted and one copy
template <class Go>
std::uint64_t evictor::gather(bool replicas, std::uint64_t bytes, std::uint64_t now_ns, Go go) {
  constexpr int refusals_max = 16;
  int refused = 0;
  std::uint64_t gathered = 0;
  for (copy* next = places_.order(replicas).front(); next && gathered < bytes;) {
    copy& one = *std::exchange(next, next->next);
    if (one.used_ns + limits_.grace_ns > now_ns) break;  // and so were all behind it
    if (one.offered) continue;
    if (one.name.size_bytes == 0 || is_in_use(one)) {
      places_.used(one);
      continue;
    }
    const std::uint64_t size = one.name.size_bytes;
    if (go(one)) {
      gathered += size;
    } else if (++refused == refusals_max) {
      break;
    } else {
      places_.used(one);  // a smaller one may fit
    }
  }
  return std::min(gathered, bytes);
}

bool evictor::is_in_use(const copy& one) const {
  return (pins_ && pins_->is_pinned(one.place)) || lent_.pins_of(one.place) != 0;
}

bool evictor::spill(copy& one) {
  return places_.leave(one) || (places_.forget_written() && places_.leave(one));
}

void evictor::keep(copy& offered) {
  if (!offered.offered) return;
  forget(offered);
  offered.offered = false;
  copies_.promote(offered);
}

void evictor::forget(const copy& gone) {
  if (gone.offered) bytes_offered_ -= gone.name.size_bytes;
}

}  // namespace mobula::core
