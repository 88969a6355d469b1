#include "core/hosted_actor.hpp"

namespace mobula::core {

bool hosted_actor::taken_before(wire::process_id process, std::uint64_t number) {
  // Most calls come from the process that called last.
  if (!last_next_ || last_process_ != process) {
    last_next_ = &next_number_[process];
    last_process_ = process;
  }
  if (number < *last_next_) return true;
  *last_next_ = number + 1;
  return false;
}

void hosted_actor::add(attempt& call) {
  const bool fetching = call.state == attempt_state::fetching;
  if (lines_.empty() && !fetching) return ready_.push_back(call);
  const auto at = lines_.find(call.caller);
  if (at == lines_.end() && !fetching) return ready_.push_back(call);
  lines_[call.caller].push_back(call);
}

void hosted_actor::remove_waiting(attempt& call) {
  if (&call == ready_.front()) return ready_.remove(call);
  lines_.at(call.caller).remove(call);
  advance(call.caller);
}

void hosted_actor::advance(wire::caller_id caller) {
  const auto at = lines_.find(caller);
  if (at == lines_.end()) return;
  attempt_list& line = at->second;
  while (!line.empty() && line.front()->state != attempt_state::fetching) {
    ready_.push_back(*line.pop_front());
  }
  if (line.empty()) lines_.erase(at);
}

attempt* hosted_actor::take_any() {
  if (attempt* one = ready_.pop_front()) return one;
  if (lines_.empty()) return nullptr;
  const auto first = lines_.begin();
  attempt* one = first->second.pop_front();
  if (first->second.empty()) lines_.erase(first);
  return one;
}

attempt* hosted_actor::take_any_of(wire::process_id process) {
  for (attempt* one = ready_.front(); one; one = one->next) {
    if (!wire::ends_with(one->owner, process)) continue;
    ready_.remove(*one);
    return one;
  }
  for (auto at = lines_.begin(); at != lines_.end(); ++at) {
    if (!wire::ends_with(at->first.process, process)) continue;
    attempt* one = at->second.pop_front();
    if (at->second.empty()) lines_.erase(at);
    return one;
  }
  std::erase_if(next_number_,
                [process](const auto& one) { return wire::ends_with(one.first, process); });
  last_next_ = nullptr;
  return nullptr;
}

const attempt* hosted_actor::find_ready(wire::task_id task, std::uint32_t attempt_number) const {
  const attempt* one = ready_.front();
  while (one && (one->push.task != task || one->push.attempt != attempt_number)) one = one->next;
  return one;
}

}  // namespace mobula::core
