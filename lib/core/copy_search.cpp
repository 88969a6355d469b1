#include "core/copy_search.hpp"

#include <utility>

#include "core/errors.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::process_id;

void copy_search::ask(const fetch_asker& who, const wire::store_fetch& request,
                      const wire::error_value& why) {
  if (who.tries >= tries_max) return refuse_fetch(out_, who, why);
  question& one = searches_[request.object].emplace_back(question{who, request, why});
  ++one.who.tries;
  wire::send(out_, request.object.owner(), wire::object_subscribe{request.object, request.from});
}

void copy_search::on_ready(process_id from, const wire::object_ready& answer) {
  const auto found = searches_.find(answer.object);
  if (found == searches_.end() || from != answer.object.owner()) return;
  question one = std::move(found->second.front());
  found->second.pop_front();
  if (found->second.empty()) searches_.erase(found);
  if (!one.who.process) return;
  const wire::location failed = std::exchange(one.request.from, answer.value.where);
  const bool stored = answer.value.kind == wire::value_kind::stored;
  if (stored && one.request.from != failed) return try_there(one.who, one.request);
  if (stored) return refuse_fetch(out_, one.who, one.why);
  wire::store_fetched refusal;
  refusal.token = one.who.token;
  const std::vector<std::byte> why = encoded(one.why);
  refusal.error = answer.value.kind == wire::value_kind::failed ? answer.value.bytes : why;
  wire::send(out_, one.who.process, refusal);
}

void copy_search::on_process_ended(process_id ended) {
  for (auto at = searches_.begin(); at != searches_.end();) {
    if (wire::ends_with(at->first.owner(), ended)) {
      for (const question& one : at->second)
        if (one.who.process) refuse_fetch(out_, one.who, owner_died(at->first.owner()));
      at = searches_.erase(at);
      continue;
    }
    // Its answers still come, in their order.
    for (question& one : at->second)
      if (one.who.process == ended) one.who.process = {};
    ++at;
  }
}

}  // namespace mobula::core
