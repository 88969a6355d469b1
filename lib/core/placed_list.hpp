#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace mobula::core {

/// Where a member stands in a placed_list; it is in one list of the kind at most.
class list_place {
 public:
  bool is_set() const { return at_ != nowhere; }

 private:
  template <class Member, list_place Member::*Place>
  friend class placed_list;
  static constexpr std::size_t nowhere = ~std::size_t{0};
  std::size_t at_ = nowhere;
};

/// Members that know where they stand, in no order: to take one out costs the same however many
/// there are. Not their owner.
template <class Member, list_place Member::*Place>
class placed_list {
 public:
  bool empty() const { return all_.empty(); }
  std::size_t size() const { return all_.size(); }
  Member* operator[](std::size_t at) const { return all_[at]; }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

  /// If it is not in it.
  void add(Member& one) {
    list_place& place = one.*Place;
    if (place.is_set()) return;
    place.at_ = all_.size();
    all_.push_back(&one);
  }
  /// If it is in it. The last member takes its place.
  void remove(Member& one) {
    const std::size_t at = std::exchange((one.*Place).at_, list_place::nowhere);
    if (at == list_place::nowhere) return;
    all_[at] = all_.back();
    all_.pop_back();
    if (at != all_.size()) (all_[at]->*Place).at_ = at;
  }

 private:
  std::vector<Member*> all_;
};

}  // namespace mobula::core
