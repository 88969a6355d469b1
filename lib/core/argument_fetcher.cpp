#include "core/argument_fetcher.hpp"

#include <utility>

#include "wire/codec.hpp"

namespace mobula::core {

void argument_fetcher::take(attempt& one) {
  for (std::size_t i = 0; i < one.resolved.size(); ++i) {
    const wire::value_view& value = one.resolved[i].value;
    if (value.kind != wire::value_kind::stored) continue;
    stored_argument& argument = one.stored.emplace_back();
    argument.index = i;
    argument.place = value.where;
    argument.here = value.where.node == self_.node();
    if (!argument.here) ask(one, one.stored.size() - 1);
  }
}

void argument_fetcher::ask(attempt& one, std::size_t argument) {
  const wire::resolved_argument& given = one.resolved[one.stored[argument].index];
  const std::uint64_t token = token_bit | ++last_;
  awaited_.emplace(token, awaited{&one, argument});
  ++one.fetches_left;
  wire::store_fetch asked;
  asked.token = token;
  asked.object = given.object;
  asked.from = given.value.where;
  asked.urgency = wire::fetch_urgency::argument;
  wire::send(out_, wire::process_id::scheduler_of(self_.node()), asked);
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
  one.returning = true;
  for (std::size_t i = 0; i < one.stored.size(); ++i) ask(one, i);
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
      if (!pinned.pin && !pinned.full) ask(whose, entry.mapped().argument);
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
