#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "mobula/detail/api.hpp"
#include "mobula/detail/backend.hpp"
#include "mobula/object_ref.hpp"
#include "mobula/options.hpp"

namespace MOBULA_API mobula {

/// What `wait` returns: all refs that it was given, in two lists.
template <class T>
struct wait_result {
  std::vector<object_ref<T>> ready;
  std::vector<object_ref<T>> pending;
};

/// Waits until `count` of `refs` are ready, or until the limit. A failed object counts as ready.
///
/// In a task or actor this suspends the fiber; the worker goes on with others. Thread-safe. Refs
/// of different types wait together as object_ref<void>.
/// @param refs  distinct refs; both results keep their order. Moved in, they are moved on: no
///   count is touched
/// @param how   count in [1, refs.size()]; a timeout of 0 polls
/// @return exactly `count` ready refs (or those ready at the limit), and all others; empty for
///   empty
/// @throws std::invalid_argument if `count` is out of range, the timeout is negative, or a ref
///   stands twice
/// @throws error if a ref is empty, before init or after shutdown
/// @throws deadlock as `get` does
template <class T>
wait_result<T> wait(std::vector<object_ref<T>> refs, wait_options how = {}) {
  wait_result<T> result;
  if (refs.empty()) {
    detail::await_all({}, detail::deadline_of(how.timeout));  // refused where the others are
    return result;
  }
  std::vector<detail::object*> records;
  records.reserve(refs.size());
  for (const auto& ref : refs) records.push_back(detail::access::record_of(ref));
  const std::size_t count =
      detail::checked_wait({records.data(), records.size()}, how.count.value_or(1), how.timeout);

  const auto ready = std::make_unique<bool[]>(refs.size());
  detail::await_some({records.data(), records.size()}, count, how.timeout,
                     {ready.get(), refs.size()});
  result.ready.reserve(count);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < refs.size(); ++i) {
    if (ready[i]) {
      result.ready.push_back(std::move(refs[i]));
    } else if (i != kept++) {
      refs[kept - 1] = std::move(refs[i]);
    }
  }
  refs.erase(refs.begin() + static_cast<std::ptrdiff_t>(kept), refs.end());
  result.pending = std::move(refs);
  return result;
}

/// The refs that as_completed was given, as a range to be gone through once.
template <class T>
class completions {
 public:
  class iterator {
   public:
    using value_type = object_ref<T>;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    /// A ref whose object is ready. It may be moved from.
    object_ref<T>& operator*() const { return range_->refs_[at_]; }
    object_ref<T>* operator->() const { return &range_->refs_[at_]; }
    /// Waits for the next.
    iterator& operator++() {
      at_ = range_->ready_.next(range_->limit_);
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return at_ == static_cast<std::size_t>(-1); }

   private:
    friend class completions;
    explicit iterator(completions& range) : range_{&range} { ++*this; }
    completions* range_;
    std::size_t at_ = 0;
  };

  /// See as_completed.
  completions(std::vector<object_ref<T>> refs, time_limit limit)
      : refs_{std::move(refs)}, limit_{limit}, ready_{records()} {}
  completions(const completions&) = delete;
  completions& operator=(const completions&) = delete;

  /// Waits for the first. Once.
  iterator begin() { return iterator{*this}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  std::vector<detail::object*> records() const {
    std::vector<detail::object*> all;
    all.reserve(refs_.size());
    for (const auto& ref : refs_) all.push_back(detail::access::record_of(ref));
    static_cast<void>(detail::checked_wait(all, all.empty() ? 0 : 1, limit_));
    return all;
  }

  std::vector<object_ref<T>> refs_;
  time_limit limit_;
  detail::completion_queue ready_;
};

/// Goes through refs in the order in which their objects become ready:
/// `for (auto& ref : mobula::as_completed(refs)) use(mobula::get(ref));`.
///
/// Each step costs the same however many refs are left, and waits as `get` does. A failed object
/// counts as ready.
/// @param refs   distinct refs
/// @param limit  for each step
/// @throws std::invalid_argument if the limit is negative or a ref stands twice
/// @throws error if a ref is empty, before init or after shutdown
/// @throws timed_out from a step in which none became ready
/// @throws deadlock from a step, as `get` does
template <class T>
completions<T> as_completed(std::vector<object_ref<T>> refs, time_limit limit = forever) {
  return completions<T>{std::move(refs), limit};
}

}  // namespace mobula
