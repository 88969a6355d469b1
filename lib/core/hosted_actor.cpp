#include "core/hosted_actor.hpp"

#include <algorithm>
#include <vector>

namespace mobula::core {

bool hosted_actor::taken_before(wire::process_id process, std::uint64_t number) {
  std::uint64_t& after_last = last_number_[process];
  if (number >= after_last) {
    after_last = number + 1;
    return false;
  }
  return std::none_of(lines_.begin(), lines_.end(), [&](const auto& entry) {
    return entry.first.process == process && entry.second.missing.contains(number);
  });
}

void hosted_actor::returned(const attempt& call) {
  lines_[call.caller].missing.insert(call.number);
}

void hosted_actor::add(attempt& call) {
  const auto at = lines_.find(call.caller);
  if (at == lines_.end()) {
    if (call.state != attempt_state::fetching) return ready_.push_back(call);
    lines_[call.caller].calls.push_back(call);
    return;
  }
  line& behind = at->second;
  if (behind.missing.erase(call.number) != 0) {
    // It comes again: ahead of those that have waited for it.
    std::vector<attempt*> later;
    while (behind.calls.front()) later.push_back(behind.calls.pop_front());
    auto place = std::find_if(later.begin(), later.end(),
                              [&](const attempt* one) { return one->number > call.number; });
    later.insert(place, &call);
    for (attempt* one : later) behind.calls.push_back(*one);
  } else {
    behind.calls.push_back(call);
  }
  advance(call.caller);
}

void hosted_actor::fetched(attempt& call) { advance(call.caller); }

void hosted_actor::advance(wire::caller_id caller) {
  const auto at = lines_.find(caller);
  if (at == lines_.end()) return;
  line& behind = at->second;
  const auto first_missing = std::min_element(behind.missing.begin(), behind.missing.end());
  while (attempt* one = behind.calls.front()) {
    if (one->state == attempt_state::fetching) return;
    if (first_missing != behind.missing.end() && *first_missing < one->number) return;
    behind.calls.remove(*one);
    ready_.push_back(*one);
  }
  if (behind.missing.empty()) lines_.erase(at);
}

void hosted_actor::remove_waiting(attempt& call) { lines_.at(call.caller).calls.remove(call); }

attempt* hosted_actor::take_any() {
  if (attempt* one = ready_.pop_front()) return one;
  while (!lines_.empty()) {
    const auto first = lines_.begin();
    if (attempt* one = first->second.calls.pop_front()) return one;
    lines_.erase(first);
  }
  return nullptr;
}

attempt* hosted_actor::take_any_of(wire::process_id process) {
  for (attempt* one = ready_.front(); one; one = one->next) {
    if (one->owner != process) continue;
    ready_.remove(*one);
    return one;
  }
  for (auto at = lines_.begin(); at != lines_.end();) {
    if (at->first.process != process) {
      ++at;
      continue;
    }
    if (attempt* one = at->second.calls.pop_front()) return one;
    at = lines_.erase(at);
  }
  last_number_.erase(process);
  return nullptr;
}

}  // namespace mobula::core
