#include "core/argument_fetcher.hpp"

#include "wire/codec.hpp"

namespace mobula::core {

void argument_fetcher::fetch(attempt& one) {
  for (std::size_t i = 0; i < one.resolved.size(); ++i) {
    const wire::resolved_argument& argument = one.resolved[i];
    if (argument.value.kind != wire::value_kind::stored) continue;
    if (argument.value.where.node == self_.node()) continue;
    const std::uint64_t token = token_bit | ++last_;
    awaited_.emplace(token, awaited{&one, i});
    ++one.fetches_left;
    wire::store_fetch asked;
    asked.token = token;
    asked.object = argument.object;
    asked.from = argument.value.where;
    asked.urgency = wire::fetch_urgency::argument;
    wire::send(out_, wire::process_id::scheduler_of(self_.node()), asked);
  }
}

argument_fetcher::arrival argument_fetcher::fetched(const wire::store_fetched& answer) {
  const auto at = awaited_.find(answer.token);
  if (at == awaited_.end()) return {};
  const awaited which = at->second;
  awaited_.erase(at);
  wire::resolved_argument& argument = which.whose->resolved[which.argument];
  if (answer.error.empty()) argument.value.where = answer.where;
  --which.whose->fetches_left;
  return {which.whose, &argument};
}

void argument_fetcher::forget(attempt& one) {
  if (one.fetches_left == 0) return;
  std::erase_if(awaited_, [&](const auto& entry) { return entry.second.whose == &one; });
  one.fetches_left = 0;
}

}  // namespace mobula::core
