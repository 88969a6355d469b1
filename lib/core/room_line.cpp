#include "core/room_line.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "wire/codec.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

using wire::process_id;

namespace {

block_store::allocation late() {
  wire::error_value error;
  error.code = wire::error_code::timed_out;
  error.what =
      "the node's store has made no room within the time limit: let go of refs and views, or give "
      "it more (MOBULA_STORE_BYTES)";
  block_store::allocation none;
  none.error = std::move(error);
  return none;
}

}  // namespace

void room_line::begin_wait() {
  waits_since_ns_ = now_ns_;
  told_of_wait_ = false;
}

std::uint64_t room_line::ask(want one) {
  if (empty()) {
    const auto made = one.take();
    const bool never = made.error && one.size_bytes > rooms_.capacity_bytes();
    if (!made.error || never) {
      one.taken(made);
      return 0;
    }
    if (one.until_ns != 0 && one.until_ns <= now_ns_) {
      one.taken(late());
      return 0;
    }
    begin_wait();
    look_at_ns_ = 0;
    asked_holders_ = false;
    releases_seen_ = rooms_.releases();
  }
  if (one.until_ns != 0 && (first_until_ns_ == 0 || one.until_ns < first_until_ns_))
    first_until_ns_ = one.until_ns;
  const std::uint64_t number = ++last_number_;
  line& mine = lanes_[static_cast<std::size_t>(one.whence)];
  mine.push_back({number, std::move(one)});
  pump();
  // They ascend, and leave from the front.
  return !mine.empty() && mine.front().number <= number ? number : 0;
}

void room_line::withdraw(std::uint64_t number) {
  if (number == 0) return;
  for (line& one : lanes_) {
    const auto at = std::ranges::lower_bound(one, number, {}, &place::number);
    if (at == one.end() || at->number != number) continue;
    at->what = {};  // its place goes when it is the first
    changed_ = true;
    trim(one);
  }
}

void room_line::trim(line& one) {
  while (!one.empty() && !one.front().what.take) one.pop_front();
}

room_line::want room_line::take_first() {
  line& current = first_lane();
  want first = std::move(current.front().what);
  current.pop_front();
  trim(current);
  return first;
}

void room_line::settle() {
  if (empty()) return;
  if (std::exchange(releases_seen_, rooms_.releases()) != rooms_.releases()) {
    begin_wait();
    look_at_ns_ = 0;
    allow_round();
    changed_ = true;
  }
  if (std::exchange(changed_, false)) pump();
}

void room_line::pump() {
  if (std::exchange(pumping_, true)) return;
  holders_text_.reset();
  while (!empty()) {
    const auto made = first_lane().front().what.take();
    if (made.error) {
      if (make_room(made)) continue;
      break;
    }
    const want served = take_first();
    begin_wait();
    served.taken(made);
  }
  pumping_ = false;
  if (empty()) look_at_ns_ = 0;
}

// True: look whether there is some now.
bool room_line::make_room(const block_store::allocation& refused) {
  if (!awaited_.empty()) {
    if (now_ns_ < answer_by_ns_) {
      look_at_ns_ = answer_by_ns_;
      return false;
    }
    // Who has not answered by now, being stopped, keeps what it has.
    awaited_.clear();
    look_at_ns_ = 0;
  }
  const want& first = first_lane().front().what;
  if (first.size_bytes > rooms_.capacity_bytes()) {
    refuse(refused);
    return true;
  }
  if (!std::exchange(asked_holders_, true)) {
    const bool let_go = kept_.let_go();
    return !begin_round() || let_go;
  }
  if (now_ns_ < look_at_ns_) return false;
  look_at_ns_ = 0;
  const evictor::outcome what = evictor_.make_room(first.size_bytes, now_ns_);
  if (what == evictor::outcome::freed) {
    allow_round();
    return true;
  }
  const std::uint64_t waited = now_ns_ - waits_since_ns_;
  const bool hopeless = what == evictor::outcome::nothing && !may_come();
  const std::uint64_t patience =
      first.whence == lane::running ? limits_.patience_ns : limits_.patience_to_begin_ns;
  if (hopeless || waited >= patience) {
    refuse(refused);
    return true;
  }
  if (waited >= limits_.patience_ns && !std::exchange(told_of_wait_, true) && on_long_wait)
    on_long_wait(refused.error->what + "; " + holders());
  look_at_ns_ = now_ns_ + limits_.look_again_ns;
  return kept_.let_go();
}

void room_line::refuse(block_store::allocation refused) {
  const want first = take_first();
  if (!holders_text_) holders_text_ = holders();
  if (!holders_text_->empty()) refused.error->what += "; " + *holders_text_;
  first.taken(refused);
}

// Not at each small thing that becomes free: what can leave is to leave meanwhile.
void room_line::allow_round() {
  if (awaited_.empty() && now_ns_ >= next_round_ns_) asked_holders_ = false;
}

// @returns whether anybody is asked
bool room_line::begin_round() {
  next_round_ns_ = now_ns_ + limits_.look_again_ns;
  for (const process_id holder : rooms_.slab_holders()) {
    awaited_.insert(holder);
    wire::send(out_, holder, wire::store_query{token, true});
  }
  if (awaited_.empty()) return false;
  answer_by_ns_ = look_at_ns_ = now_ns_ + limits_.patience_ns;
  return true;
}

void room_line::on_reply(process_id from) {
  if (awaited_.erase(from) == 0 || !awaited_.empty()) return;
  look_at_ns_ = 0;
  changed_ = true;
}

void room_line::on_process_ended(process_id ended) {
  for (line& one_line : lanes_) {
    std::erase_if(one_line, [ended](const place& one) { return one.what.whose == ended; });
    trim(one_line);
  }
  on_reply(ended);
  changed_ = true;
}

// Whose time is over, in whatever place: nobody waits behind what nobody wants any more.
void room_line::expire() {
  first_until_ns_ = 0;
  for (line& one_line : lanes_) {
    for (place& one : one_line) {
      const std::uint64_t until = one.what.take ? one.what.until_ns : 0;
      if (until == 0) continue;
      if (until <= now_ns_) {
        std::exchange(one.what, {}).taken(late());
        changed_ = true;
      } else if (first_until_ns_ == 0 || until < first_until_ns_) {
        first_until_ns_ = until;
      }
    }
    trim(one_line);
  }
}

void room_line::tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  if (first_until_ns_ != 0 && now_ns >= first_until_ns_) expire();
  if (look_at_ns_ != 0 && now_ns >= look_at_ns_) pump();
}

std::uint64_t room_line::next_deadline_ns() const {
  constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
  return std::min(look_at_ns_ != 0 ? look_at_ns_ : never,
                  first_until_ns_ != 0 ? first_until_ns_ : never);
}

}  // namespace mobula::core
