#include "core/argument_fetcher.hpp"

#include <utility>

#include "wire/codec.hpp"

namespace mobula::core {

using wire::fetch_urgency;

void argument_fetcher::take(attempt& one, bool ahead) {
  one.hurried = !ahead;
  for (std::size_t i = 0; i < one.resolved.size(); ++i) {
    const wire::value_view& value = one.resolved[i].value;
    if (value.kind != wire::value_kind::stored) continue;
    stored_argument& argument = one.stored.emplace_back();
    argument.index = i;
    argument.place = value.where;
    argument.here = value.where.node == self_.node();
    if (!argument.here)
      ask(one, one.stored.size() - 1, ahead ? fetch_urgency::prefetch : fetch_urgency::argument);
  }
}

void argument_fetcher::ask(attempt& one, std::size_t argument, fetch_urgency urgency) {
  const std::uint64_t token = token_bit | ++last_;
  awaited_.emplace(token, awaited{&one, argument});
  ++one.fetches_left;
  send_question(token, one.resolved[one.stored[argument].index], urgency);
}

void argument_fetcher::send_question(std::uint64_t token, const wire::resolved_argument& argument,
                                     fetch_urgency urgency) {
  wire::store_fetch asked;
  asked.token = token;
  asked.object = argument.object;
  asked.from = argument.value.where;
  asked.urgency = urgency;
  if (pins_) asked.numa_node = pins_->numa_node();
  wire::send(out_, wire::process_id::scheduler_of(self_.node()), asked);
}

// Asked once more, with the same token: of two answers the first counts.
void argument_fetcher::hurry(attempt& one) {
  if (std::exchange(one.hurried, true)) return;
  for (const auto& [token, which] : awaited_) {
    if (which.whose == &one)
      send_question(token, one.resolved[one.stored[which.argument].index], fetch_urgency::argument);
  }
}

argument_pins::answer argument_fetcher::pin(stored_argument& argument) {
  const auto answer = pins_->pin(argument.place, argument.as_of);
  argument.pin = answer.pin;
  return answer;
}

argument_fetcher::readiness argument_fetcher::pin(attempt& one) {
  if (!pins_) return readiness::pinned;
  for (stored_argument& argument : one.stored) {
    if (argument.pin) continue;
    const auto answer = pin(argument);
    if (answer.pin) continue;
    unpin(one);
    return answer.full ? readiness::no_pins : readiness::moved;
  }
  return readiness::pinned;
}

void argument_fetcher::bring_back(attempt& one) {
  one.returning = one.hurried = true;
  for (std::size_t i = 0; i < one.stored.size(); ++i) ask(one, i, fetch_urgency::argument);
}

argument_fetcher::arrival argument_fetcher::fetched(const wire::store_fetched& answer) {
  const auto entry = awaited_.extract(answer.token);
  if (!entry) return {};
  attempt& whose = *entry.mapped().whose;
  stored_argument& argument = whose.stored[entry.mapped().argument];
  --whose.fetches_left;
  if (answer.error.empty()) {
    argument.here = true;
    argument.place = answer.place;
    argument.as_of = answer.as_of;
    // Where there is no pin left the task's begin says so.
    if (whose.returning && !argument.pin) {
      const auto pinned = pin(argument);
      if (!pinned.pin && !pinned.full) ask(whose, entry.mapped().argument, fetch_urgency::argument);
    }
  }
  return {&whose, &whose.resolved[argument.index]};
}

void argument_fetcher::unpin(attempt& one) {
  for (stored_argument& argument : one.stored)
    if (argument.pin) pins_->unpin(*std::exchange(argument.pin, std::nullopt));
}

void argument_fetcher::forget(attempt& one) {
  unpin(one);
  if (one.fetches_left == 0) return;
  std::erase_if(awaited_, [&](const auto& entry) { return entry.second.whose == &one; });
  one.fetches_left = 0;
}

}  // namespace mobula::core
