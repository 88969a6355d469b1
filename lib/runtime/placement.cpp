// Placement groups: made, removed, and heard of.

#include "mobula/placement.hpp"

#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/codec.hpp"
#include "mobula/errors.hpp"
#include "runtime/casts.hpp"
#include "runtime/demands.hpp"
#include "runtime/inquiries.hpp"
#include "runtime/process.hpp"
#include "wire/codec.hpp"
#include "wire/group_messages.hpp"

namespace mobula {

namespace {

using nodes_ref = object_ref<std::vector<std::uint32_t>>;

wire::group_strategy on_the_wire(group_strategy strategy) {
  switch (strategy.which()) {
    case group_strategy::kind::pack:
      return wire::group_strategy::pack;
    case group_strategy::kind::spread:
      return wire::group_strategy::spread;
    case group_strategy::kind::strict_pack:
      return wire::group_strategy::strict_pack;
    case group_strategy::kind::strict_spread:
      break;
  }
  return wire::group_strategy::strict_spread;
}

}  // namespace

placement_group::placement_group(const std::vector<mobula::bundle>& bundles,
                                 group_strategy strategy) {
  detail::process& home = detail::process::require();
  wire::group_create asked;
  asked.strategy = on_the_wire(strategy);
  for (const mobula::bundle& one : bundles) {
    asked.bundles.push_back(detail::amounts_of(one));
    if (asked.bundles.back() == wire::resource_amounts{})
      throw std::invalid_argument{"bundle " + std::to_string(asked.bundles.size() - 1) +
                                  " of a placement group is empty: give it cpus, gpus, memory or "
                                  "a resource of your own"};
  }
  if (bundles.empty())
    throw std::invalid_argument{
        "a placement group has no bundles: give it at least one, such as "
        "{.cpus = 1}"};
  detail::object* made = nullptr;
  {
    const std::lock_guard held{home.lock()};
    core::object& promise = home.owner().promise();
    number_ = home.next_group();
    asked.group = {home.self(), number_};
    asked.ready = promise.id;
    made = detail::opaque(promise);
    wire::send(home.port(), wire::process_id::scheduler_of(0), asked);
    home.flush();
  }
  home.rest();
  ready_ = detail::access::adopt<nodes_ref>(made);
  size_ = static_cast<std::uint32_t>(bundles.size());
}

nodes_ref placement_group::ready() const {
  detail::access::record_of(ready_);  // throws if there is none
  return ready_;
}

in_group placement_group::bundle(std::size_t number) const {
  if (number >= size_)
    throw std::out_of_range{"a placement group of " + std::to_string(size_) +
                            " bundles has no bundle " + std::to_string(number) +
                            ": they are numbered from 0"};
  return {*this, static_cast<std::uint32_t>(number)};
}

void remove(const placement_group& group, time_limit limit) {
  detail::process& home = detail::process::require();
  const wire::group_id id = detail::id_of(group);
  if (!home.inquiries().remove_group(id, detail::deadline_of(limit)))
    throw error{
        "the placement group is no more: it was removed already, or the process that made "
        "it has ended"};
}

namespace detail {

std::uint64_t number_of(const placement_group& group) noexcept { return group.number_; }

// Under the lock.
void process::on_group_ready(const wire::group_ready& news) {
  core::object* const promised = owner_.objects().find(news.ready);
  // Nobody wants to know any more.
  if (!promised || promised->ready()) return;
  wire::value_view value;
  encoder nodes;
  if (news.error.empty()) {
    encode<std::vector<std::uint32_t>>(nodes, {news.nodes.begin(), news.nodes.end()});
    value.bytes = nodes.bytes();
  } else {
    value.kind = wire::value_kind::failed;
    value.bytes = news.error;
  }
  owner_.fulfil(*promised, value, {});
}

}  // namespace detail
}  // namespace mobula
