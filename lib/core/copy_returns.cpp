#include "core/copy_returns.hpp"

#include <algorithm>
#include <utility>

#include "core/errors.hpp"

namespace mobula::core {

using wire::process_id;

void copy_returns::ask(const fetch_asker& who, copy& one, const wire::store_fetch& request) {
  places_.used(one);
  const auto whence = request.urgency == wire::fetch_urgency::get ? room_line::lane::running
                                                                  : room_line::lane::to_begin;
  const bool at_once = whence == room_line::lane::running || line_.is_empty(whence);
  if (at_once && one.is_in != residence::disk) return serve({who, request}, one, {});
  // It may have asked before, when that was less urgent.
  const auto [first, last] = in_line_.equal_range(&one);
  if (std::any_of(first, last, [&](const auto& entry) { return entry.second.what.who == who; }))
    return;
  room_line::want want;
  want.whence = whence;
  want.whose = who.process;
  want.size_bytes = one.name.size_bytes;
  want.take = [this, &one] {
    const bool needs_room = one.is_in == residence::disk;
    return needs_room ? memory_.allocate(one.name.size_bytes) : block_store::allocation{};
  };
  want.taken = [this, who, request, &one](const block_store::allocation& made) {
    leave_line(who, one);
    serve({who, request}, one, made);
  };
  const std::uint64_t number = line_.ask(std::move(want));
  if (number != 0) in_line_.emplace(&one, place_in_line{{who, request}, number});
}

void copy_returns::leave_line(const fetch_asker& who, const copy& one) {
  const auto [first, last] = in_line_.equal_range(&one);
  for (auto at = first; at != last; ++at) {
    if (at->second.what.who == who) return void(in_line_.erase(at));
  }
}

void copy_returns::serve(const question& asked, copy& one, const block_store::allocation& made) {
  if (made.error) return refuse_fetch(out_, asked.who, *made.error);
  if (one.is_in_memory()) {
    places_.used(one);
    one.wanted = true;
    return tell_fetched(out_, asked.who, one, pins_);
  }
  returning_[&one].push_back(asked);
  if (one.is_in == residence::disk && !places_.bring_back(one, made.where))
    came_back(one, "its memory can't be mapped");
}

void copy_returns::came_back(copy& one, const std::string& failure) {
  if (!failure.empty() && on_unreadable) on_unreadable(one);
  const auto waited = returning_.extract(&one);
  if (!waited) return;
  for (question& asked : waited.mapped()) {
    if (failure.empty()) {
      tell_fetched(out_, asked.who, one, pins_);
      continue;
    }
    asked.request.from = one.name;
    searches_.ask(asked.who, asked.request,
                  make_error(wire::error_code::object_lost, self_,
                             "an object of " + name_of(one.object.owner()) +
                                 " can't be brought back from disk: " + failure));
  }
}

std::vector<copy_returns::question> copy_returns::take_questions(const copy& offered) {
  std::vector<question> all;
  const auto [first, last] = in_line_.equal_range(&offered);
  for (auto at = first; at != last; ++at) {
    line_.withdraw(at->second.number);
    all.push_back(at->second.what);
  }
  in_line_.erase(first, last);
  return all;
}

void copy_returns::gone(const copy& one, const wire::error_value& why) {
  if (const auto waited = returning_.extract(&one)) {
    for (const question& asked : waited.mapped()) refuse_fetch(out_, asked.who, why);
  }
  const auto [first, last] = in_line_.equal_range(&one);
  for (auto at = first; at != last; ++at) {
    line_.withdraw(at->second.number);
    refuse_fetch(out_, at->second.what.who, why);
  }
  in_line_.erase(first, last);
}

// What nobody waits for any more comes back all the same, if it is on its way.
void copy_returns::on_process_ended(process_id ended) {
  for (auto& [one, askers] : returning_)
    std::erase_if(askers, [ended](const question& asked) { return asked.who.process == ended; });
  std::erase_if(in_line_,
                [ended](const auto& entry) { return entry.second.what.who.process == ended; });
}

}  // namespace mobula::core
