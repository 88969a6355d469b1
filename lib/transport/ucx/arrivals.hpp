#pragma once

#include <cstdint>
#include <deque>

#include "transport/ucx/frame.hpp"

namespace mobula::ucx {

/// Puts the frames of one direction of a link back in order, each once.
///
/// A frame that is not next is held. One that is still being fetched (a rendezvous) has its place
/// reserved and holds back all behind it until it is filled.
class arrivals {
 public:
  /// How far ahead of the next frame one may be. A number beyond is not of this link's sender.
  static constexpr std::uint64_t ahead_max = 1U << 20;

  /// Neither delivered before, nor held, nor out of bounds.
  bool fits(std::uint64_t sequence) const {
    const std::uint64_t ahead = sequence - next_;
    if (ahead >= ahead_max) return false;
    return ahead >= places_.size() || !places_[ahead].taken;
  }
  bool is_next(std::uint64_t sequence) const { return sequence == next_; }

  /// The next frame was delivered without being held.
  void pass() {
    ++next_;
    if (!places_.empty()) places_.pop_front();
  }
  void reserve(std::uint64_t sequence) { at(sequence).taken = true; }
  void hold(std::uint64_t sequence, frame_ptr whole) {
    place& here = at(sequence);
    here.taken = true;
    here.whole = std::move(whole);
  }
  /// The next frame if it is held and whole, else null.
  frame_ptr take() {
    if (places_.empty() || !places_.front().whole) return nullptr;
    frame_ptr taken = std::move(places_.front().whole);
    pass();
    return taken;
  }
  void clear() { places_.clear(); }

 private:
  struct place {
    bool taken = false;
    frame_ptr whole;
  };
  place& at(std::uint64_t sequence) {
    const std::uint64_t ahead = sequence - next_;
    if (ahead >= places_.size()) places_.resize(ahead + 1);
    return places_[ahead];
  }

  std::uint64_t next_ = 0;
  std::deque<place> places_;
};

}  // namespace mobula::ucx
