#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <unordered_map>

#include "core/fetch_asker.hpp"
#include "wire/ids.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// Where an object was said to be it can't be had: its owner, who knows of all copies, is asked
/// where else it may be. For whoever on this node wants it, whatever he knew.
///
/// A question is answered, or the owner's end is told. An owner names one place after the other;
/// who is told the one that just failed, or has tried often enough, gets the error.
class copy_search {
 public:
  explicit copy_search(wire::outbox& out) : out_{out} {}

  /// Told the place to try next, as `from` of what was asked before.
  std::function<void(const fetch_asker& who, const wire::store_fetch& request)> try_there;

  /// @param request  with the place that failed
  /// @param why      what is said of it if there is no other
  void ask(const fetch_asker& who, const wire::store_fetch& request, const wire::error_value& why);
  void on_ready(wire::process_id from, const wire::object_ready& answer);
  void on_process_ended(wire::process_id ended);

  std::size_t size() const { return searches_.size(); }

 private:
  static constexpr std::uint32_t tries_max = 8;
  struct question {
    fetch_asker who;
    wire::store_fetch request;
    wire::error_value why;
  };

  wire::outbox& out_;
  // Owners answer in the order of the questions.
  std::unordered_map<wire::object_id, std::deque<question>> searches_;
};

}  // namespace mobula::core
