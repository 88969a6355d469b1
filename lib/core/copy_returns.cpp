#include "core/copy_returns.hpp"

#include <utility>

#include "core/errors.hpp"

namespace mobula::core {

using wire::process_id;

void copy_returns::ask(const fetch_asker& who, copy& one) {
  places_.used(one);
  if (one.is_in == residence::memory || one.is_in == residence::leaving) {
    one.wanted = true;
    return tell_fetched(out_, who, one, pins_);
  }
  const auto [at, first] = waiting_.try_emplace(&one);
  at->second.askers.push_back(who);
  if (!first) return;
  room_line::want want;
  want.size_bytes = one.name.size_bytes;
  want.take = [this, size = one.name.size_bytes] { return memory_.allocate(size); };
  want.taken = [this, &one](const block_store::allocation& made) {
    waiting_.at(&one).in_line = 0;
    if (made.error) return gone(one, *made.error);
    if (!places_.bring_back(one, made.where)) came_back(one, "its memory can't be mapped");
  };
  const std::uint64_t number = line_.ask(std::move(want));
  // It may be over already.
  if (const auto still = waiting_.find(&one); still != waiting_.end() && number != 0)
    still->second.in_line = number;
}

void copy_returns::came_back(copy& one, const std::string& failure) {
  if (!failure.empty()) {
    return gone(one, make_error(wire::error_code::object_lost, self_,
                                "an object of " + name_of(one.object.owner()) +
                                    " can't be brought back from disk: " + failure));
  }
  const auto waited = waiting_.extract(&one);
  if (!waited) return;
  for (const fetch_asker& who : waited.mapped().askers) tell_fetched(out_, who, one, pins_);
}

void copy_returns::gone(const copy& one, const wire::error_value& why) {
  const auto waited = waiting_.extract(&one);
  if (!waited) return;
  line_.withdraw(waited.mapped().in_line);
  for (const fetch_asker& who : waited.mapped().askers) refuse_fetch(out_, who, why);
}

// What nobody waits for any more comes back all the same, if it is on its way.
void copy_returns::on_process_ended(process_id ended) {
  std::vector<std::uint64_t> withdrawn;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    waiting& one = at->second;
    std::erase_if(one.askers, [ended](const fetch_asker& who) { return who.process == ended; });
    if (one.askers.empty() && one.in_line != 0) {
      withdrawn.push_back(one.in_line);
      at = waiting_.erase(at);
    } else {
      ++at;
    }
  }
  for (const std::uint64_t number : withdrawn) line_.withdraw(number);
}

}  // namespace mobula::core
