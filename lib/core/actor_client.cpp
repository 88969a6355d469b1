#include "core/actor_client.hpp"

namespace mobula::core {

void actor_client::found(wire::process_id home, std::uint32_t incarnation) {
  state_ = state::alive;
  home_ = home;
  incarnation_ = incarnation;
}

void actor_client::died(wire::blob error) {
  state_ = state::dead;
  error_.assign(error.begin(), error.end());
}

void actor_client::admit(task& call) { waiting_[as_call(call).caller].push_back(call); }

void actor_client::take_from(task_list& queue, std::vector<task*>& go) {
  while (!queue.empty() && is_sendable(*queue.front())) {
    go.push_back(queue.front());
    queue.remove(*queue.front());
  }
}

void actor_client::take_sendable(wire::caller_id caller, std::vector<task*>& go) {
  if (state_ == state::unknown) return;
  const auto at = waiting_.find(caller);
  if (at == waiting_.end()) return;
  take_from(at->second, go);
  if (at->second.empty()) waiting_.erase(at);
}

void actor_client::take_all_sendable(std::vector<task*>& go) {
  if (state_ == state::unknown) return;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    take_from(at->second, go);
    at = at->second.empty() ? waiting_.erase(at) : std::next(at);
  }
}

void actor_client::take_waiting(std::vector<task*>& all) {
  for (auto& [caller, queue] : waiting_) {
    while (!queue.empty()) {
      all.push_back(queue.front());
      queue.remove(*queue.front());
    }
  }
  waiting_.clear();
}

const task* actor_client::first_waiting(wire::caller_id caller) const {
  const auto at = waiting_.find(caller);
  return at == waiting_.end() ? nullptr : at->second.front();
}

}  // namespace mobula::core
