#include "core/object_table.hpp"

#include <algorithm>
#include <optional>

#include "core/actor_client.hpp"
#include "core/errors.hpp"
#include "core/invariant.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::object_id;
using wire::process_id;

object_table::object_table(process_id self, wire::outbox& out, std::uint32_t job)
    : self_{self}, out_{out}, job_{job} {}
object_table::~object_table() = default;

object& object_table::make(std::uint32_t count) {
  object& first = slab_.make(self_, job_);
  if (count > 1) {
    first.more().siblings = std::make_unique<sibling_block>(count - 1);
    siblings_alive_ += count - 1;
    for (std::uint32_t i = 1; i < count; ++i) {
      object& one = first.extras->siblings->objects[i - 1];
      one.id = {self_, first.id.sequence(), i};
      one.job = job_;
      one.owned = true;
    }
  }
  return first;
}

object& object_table::result(object& first, std::uint32_t index) {
  return index == 0 ? first : first.extras->siblings->objects[index - 1];
}

object* object_table::find(object_id id) {
  if (id.owner() != self_) {
    const auto found = borrowed_.find(id);
    return found == borrowed_.end() ? nullptr : found->second.get();
  }
  object* first = slab_.find(id.sequence());
  if (!first) return nullptr;
  if (id.index() == 0) return is_held(*first) ? first : nullptr;
  if (!first->extras || !first->extras->siblings) return nullptr;
  sibling_block& block = *first->extras->siblings;
  if (id.index() > block.count) return nullptr;
  object& one = block.objects[id.index() - 1];
  return one.id && is_held(one) ? &one : nullptr;
}

// Who adds a borrower holds the object until we have answered. So if nobody is left but those whose
// release came first, nobody will ever add them: who was to do it has died.
bool object_table::is_borrowed(const object_extras& of) {
  return std::ranges::any_of(of.borrowers, [](const auto& one) { return one.second > 0; });
}

bool object_table::is_held(const object& one) const {
  return one.counts.load(std::memory_order_relaxed) != 0 || one.maker ||
         (one.extras && is_borrowed(*one.extras));
}

object& object_table::borrow(object_id id) {
  auto& record = borrowed_[id];
  if (!record) {
    record = std::make_unique<object>();
    record->id = id;
    record->job = job_;
    involved_.add(id.owner());
    // Nobody would ever answer.
    if (has_ended(id.owner())) set_failed(*record, owner_died(id.owner()));
  }
  return *record;
}

object& object_table::adopt(object_id id) {
  object* known = find(id);
  if (!known) {
    known = &borrow(id);
    if (id.owner() == self_ && !known->ready())
      set_failed(*known,
                 make_error(wire::error_code::object_lost, self_,
                            "the object was freed before this ref arrived: nobody held it"));
  }
  hold(*known);
  return *known;
}

object& object_table::adopt_registered(object_id id) {
  object& one = adopt(id);
  if (!one.owned) ++one.registered;
  return one;
}

void object_table::register_through(object& borrowed, object& container) {
  if (borrowed.owned || borrowed.registered != 0 || borrowed.id.owner() == self_) return;
  ++borrowed.registered;
  object* const held[] = {&container};
  ask_owner(borrowed.id, self_, held);
}

bool object_table::must_report(object& held) {
  if (held.owned || held.confirmed || has_ended(held.id.owner())) return false;
  // A second time: better ask once than report with every task.
  if (held.registered == 1) {
    ++held.registered;
    object* const itself[] = {&held};
    ask_owner(held.id, self_, itself);
  }
  ++held.registered;
  return true;
}

void object_table::share(object& ref, process_id holder) {
  // Who has ended was forgotten already, and would be counted for ever.
  if (has_ended(holder)) return;
  object* const held[] = {&ref};
  if (ref.id.owner() == holder) {
    // What we send ourselves is on its way for a while, and nobody else holds it meanwhile:
    // the answer to a question to ourselves comes later than it.
    if (holder == self_) ask_owner(ref.id, holder, held);
    return;
  }
  if (ref.owned) return add_borrower(ref, holder);
  if (ref.id.owner() != self_) ask_owner(ref.id, holder, held);
}

void object_table::share_through(object_id id, process_id holder,
                                 std::span<object* const> containers) {
  if (id.owner() == holder || id.owner() == self_) return;
  ask_owner(id, holder, containers);
}

void object_table::ask_owner(object_id ref, process_id borrower, std::span<object* const> held) {
  if (has_ended(ref.owner())) return;
  for (object* one : held) hold(*one);
  const std::uint64_t token = next_token_++;
  awaited_[token] = {ref.owner(), borrower, {held.begin(), held.end()}};
  involved_.add(ref.owner());
  wire::send(out_, ref.owner(), wire::borrow_add{ref, borrower, token});
}

void object_table::add_borrower(object& one, process_id who) {
  // Another process may tell of a borrower that has come and gone.
  if (!has_ended(who)) count_borrower(one, who, 1);
}

void object_table::count_borrower(object& one, process_id who, std::int32_t change) {
  auto& borrowers = one.more().borrowers;
  const bool had = is_borrowed(*one.extras);
  auto at = std::ranges::find(borrowers, who, &std::pair<process_id, std::int32_t>::first);
  if (at == borrowers.end()) {
    borrowers.emplace_back(who, change);
    involved_.add(who);
  } else if ((at->second += change) == 0) {
    borrowers.erase(at);
    involved_.remove(who);
  }
  const bool has = is_borrowed(*one.extras);
  if (has && !had) ++shared_;
  if (had && !has) {
    --shared_;
    unheld(one);
  }
}

void object_table::drop(object& one) {
  const auto before = one.counts.fetch_sub(1, std::memory_order_acq_rel);
  invariant(before != 0, "a count was dropped that nobody held", one.id.low());
  if (before == 1) unheld(one);
}

void object_table::free_uncounted() {
  std::vector<object*> all;
  const auto look = [&all](object& one) {
    if (one.counts.load(std::memory_order_acquire) == 0 && !one.dead) all.push_back(&one);
  };
  slab_.for_each([&](object& first) {
    if (first.extras && first.extras->siblings) {
      sibling_block& block = *first.extras->siblings;
      for (std::uint32_t i = 0; i < block.count; ++i)
        if (block.objects[i].id) look(block.objects[i]);
    }
    look(first);
  });
  for (const auto& [id, one] : borrowed_) look(*one);
  for (object* one : all) unheld(*one);
}

void object_table::maker_ended(object& one) {
  one.maker = nullptr;
  unheld(one);
}

void object_table::unheld(object& one) {
  if (is_held(one) || one.doomed) return;
  one.doomed = true;
  doomed_.push_back(&one);
  if (!freeing_) free_doomed();
}

// What an object contains is let go by the same loop, so a chain of any length needs no stack.
void object_table::free_doomed() {
  freeing_ = true;
  while (!doomed_.empty()) {
    object& one = *doomed_.back();
    doomed_.pop_back();
    one.doomed = false;
    if (is_held(one)) continue;
    if (one.owned) {
      free_owned(one);
    } else {
      free_borrowed(one);
    }
  }
  freeing_ = false;
}

void object_table::free_borrowed(object& one) {
  for (std::uint32_t i = 0; i < one.registered; ++i) releases_[one.id.owner()].push_back(one.id);
  involved_.remove(one.id.owner());
  borrowed_.erase(object_id{one.id});
}

void object_table::free_owned(object& one) {
  invariant(one.waiters.empty(), "an object was freed that somebody waits for", one.id.low());
  if (one.state.load(std::memory_order_relaxed) == object_state::stored) {
    wire::send(out_, process_id::scheduler_of(one.at.node), wire::store_free{one.id, one.at});
    if (one.extras) {
      for (const auto& copy : one.extras->copies)
        wire::send(out_, process_id::scheduler_of(copy.node), wire::store_free{one.id, copy});
    }
  }
  if (one.is_actor && on_actor_unheld) on_actor_unheld(one);
  one.clear_value();
  if (one.extras) {
    for (object* inside : std::exchange(one.extras->contains, {})) drop(*inside);
    one.extras->client.reset();
    one.extras->copies.clear();
    one.extras->doubted = 0;
    one.extras->subscribers.clear();
    // Releases whose adds will never come.
    for (const auto& [who, count] : std::exchange(one.extras->borrowers, {})) involved_.remove(who);
  }
  object* first = &one;
  if (one.id.index() != 0) {
    first = slab_.find(one.id.sequence());
    --first->extras->siblings->alive;
    --siblings_alive_;
    one.id = {};
    one.extras.reset();
    if (!first->dead || first->extras->siblings->alive != 0) return;
  } else if (one.extras && one.extras->siblings && one.extras->siblings->alive != 0) {
    one.dead = true;  // the slot names its siblings; the last of them gives it back
    return;
  }
  first->extras.reset();
  slab_.recycle(*first);
}

void object_table::set(object& one, const wire::value_view& value) {
  invariant(!one.ready(), "an object was made twice", one.id.low());
  if (one.owned) {
    const wire::id_list ids{value.contains};
    for (std::size_t i = 0; i < ids.size(); ++i)
      one.more().contains.push_back(&adopt_registered(ids[i]));
  }  // What a borrowed object contains is held by its owner, as long as we hold the object.
  switch (value.kind) {
    case wire::value_kind::inlined:
      one.set_bytes(object_state::inlined, value.bytes);
      break;
    case wire::value_kind::stored:
      one.set_stored(value.where);
      break;
    case wire::value_kind::failed:
      one.set_bytes(object_state::failed, value.bytes);
      break;
  }
  tell_subscribers(one);
  tell_waiters(one);
}

void object_table::tell_waiters(object& one) {
  if (one.waiters.empty()) return;
  // A task that fails by what it is told lets go of its arguments: of this one too.
  hold(one);
  one.waiters.tell(one);
  drop(one);
}

void object_table::set_failed(object& one, const wire::error_value& error) {
  const auto bytes = encoded(error);
  wire::value_view value;
  value.kind = wire::value_kind::failed;
  value.bytes = bytes;
  set(one, value);
}

wire::value_view object_table::view(const object& one, std::vector<object_id>& ids) const {
  wire::value_view value;
  ids.clear();
  switch (one.state.load(std::memory_order_acquire)) {
    case object_state::pending:
      invariant(false, "a pending object has no value", one.id.low());
      break;
    case object_state::inlined:
      value.kind = wire::value_kind::inlined;
      value.bytes = one.bytes();
      break;
    case object_state::stored:
      value.kind = wire::value_kind::stored;
      value.where = one.where();
      break;
    case object_state::failed:
      value.kind = wire::value_kind::failed;
      value.bytes = one.bytes();
      break;
  }
  if (one.extras) {
    for (const object* inside : one.extras->contains) ids.push_back(inside->id);
    value.contains = std::as_bytes(std::span{ids});
  }
  return value;
}

// A copy could not be had by somebody. It goes to the end of the line instead of being given up: it
// is freed with the object, and others may be able to read it.
void object_table::doubt(object& one, const wire::location& failed) {
  if (one.state.load() != object_state::stored || one.at != failed) return;
  object_extras& more = one.more();
  more.doubted = std::min(more.doubted + 1, 1 + more.copies.size());
  if (more.copies.empty()) return;
  one.at = more.copies.front();
  more.copies.erase(more.copies.begin());
  more.copies.push_back(failed);
}

// In the line of copies: 0 is where().
std::optional<std::size_t> object_table::index_of_copy(const object& one,
                                                       const wire::location& where) {
  if (one.state.load() != object_state::stored) return std::nullopt;
  if (one.at == where) return 0;
  if (!one.extras) return std::nullopt;
  const auto& copies = one.extras->copies;
  const auto found = std::ranges::find(copies, where);
  if (found == copies.end()) return std::nullopt;
  return 1 + static_cast<std::size_t>(found - copies.begin());
}

// Whether a copy that is not in doubt is left without that one.
bool object_table::is_good_without(const object& one, std::size_t index) {
  if (!one.extras) return false;
  const std::size_t good = 1 + one.extras->copies.size() - one.extras->doubted;
  return good > (index < good ? 1U : 0U);
}

// One of several.
void object_table::remove_copy(object& one, std::size_t index) {
  object_extras& more = *one.extras;
  if (index + more.doubted > more.copies.size()) --more.doubted;
  if (index == 0) {
    one.at = more.copies.front();
    ++index;
  }
  more.copies.erase(more.copies.begin() + static_cast<std::ptrdiff_t>(index - 1));
}

void object_table::want(object& one) {
  if (one.owned || one.subscribed || one.ready()) return;
  one.subscribed = true;
  wire::send(out_, one.id.owner(), wire::object_subscribe{one.id, {}});
}

void object_table::send_ready(object& one, process_id to) {
  std::vector<object_id> ids;
  wire::send(out_, to, wire::object_ready{one.id, view(one, ids)});
}

void object_table::tell_subscribers(object& one) {
  if (!one.extras) return;
  for (const process_id to : std::exchange(one.extras->subscribers, {})) send_ready(one, to);
}

bool object_table::on_message(process_id from, wire::blob message) {
  switch (wire::type_of(message)) {
    case wire::message_type::object_subscribe:
      if (const auto m = wire::decode<wire::object_subscribe>(message)) on_subscribe(from, *m);
      return true;
    case wire::message_type::object_ready:
      if (const auto m = wire::decode<wire::object_ready>(message)) on_ready(*m);
      return true;
    case wire::message_type::borrow_add:
      if (const auto m = wire::decode<wire::borrow_add>(message)) on_borrow_add(from, *m);
      return true;
    case wire::message_type::borrow_ack:
      if (const auto m = wire::decode<wire::borrow_ack>(message)) on_borrow_ack(from, *m);
      return true;
    case wire::message_type::borrow_release:
      if (const auto m = wire::decode<wire::borrow_release>(message))
        on_borrow_release(from, m->objects);
      return true;
    case wire::message_type::replica_add:
      if (const auto m = wire::decode<wire::replica_add>(message)) on_replica(*m);
      return true;
    case wire::message_type::store_offer:
      if (const auto m = wire::decode<wire::store_offer>(message);
          m && from == process_id::scheduler_of(m->where.node))
        on_offer(*m);
      return true;
    case wire::message_type::store_orphan:
      if (const auto m = wire::decode<wire::store_orphan>(message)) on_orphan(*m);
      return true;
    default:
      return false;
  }
}

void object_table::on_subscribe(process_id from, const wire::object_subscribe& asked) {
  object* one = find(asked.object);
  if (!one) {
    const auto bytes =
        encoded(make_error(wire::error_code::object_lost, self_,
                           "the object was freed: nobody that its owner knew of held it any more"));
    wire::object_ready answer;
    answer.object = asked.object;
    answer.value.kind = wire::value_kind::failed;
    answer.value.bytes = bytes;
    return wire::send(out_, from, answer);
  }
  if (asked.failed.size_bytes != 0) doubt(*one, asked.failed);
  if (one->ready()) return send_ready(*one, from);
  one->more().subscribers.push_back(from);
}

void object_table::on_ready(const wire::object_ready& message) {
  const auto found = borrowed_.find(message.object);
  if (found == borrowed_.end()) return;  // dropped meanwhile
  if (!found->second->ready()) set(*found->second, message.value);
}

void object_table::on_borrow_add(process_id from, const wire::borrow_add& message) {
  object* one = find(message.object);
  if (one && message.borrower != self_) add_borrower(*one, message.borrower);
  wire::send(out_, from, wire::borrow_ack{message.object, message.token, one == nullptr});
}

void object_table::on_borrow_ack(process_id from, const wire::borrow_ack& message) {
  const auto found = awaited_.find(message.token);
  if (found == awaited_.end() || found->second.owner != from) return;
  const auto held = std::move(found->second.held);
  const bool is_ours = found->second.borrower == self_;
  awaited_.erase(found);
  involved_.remove(from);
  object* one = find(message.object);
  if (one && !one->owned && is_ours) one->confirmed = !message.freed;
  if (message.freed) {
    if (one && !one->owned && !one->ready())
      set_failed(*one, make_error(wire::error_code::object_lost, from,
                                  "the object was freed before its owner heard of this ref"));
  }
  for (object* let_go : held) drop(*let_go);
}

void object_table::on_borrow_release(process_id from, wire::blob bytes) {
  const wire::id_list ids{bytes};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (object* one = find(ids[i]); one && one->owned) count_borrower(*one, from, -1);
  }
}

void object_table::on_replica(const wire::replica_add& message) {
  object* one = find(message.object);
  if (!one || one->state.load() != object_state::stored) {
    return wire::send(out_, process_id::scheduler_of(message.where.node),
                      wire::store_free{message.object, message.where});
  }
  // It may have been under way when the last copy that was known of went with its node.
  if (has_ended(process_id::scheduler_of(one->at.node))) {
    one->at = message.where;
    if (one->extras) one->extras->doubted = 0;
    return;
  }
  auto& copies = one->more().copies;
  const std::size_t doubted = std::min(one->extras->doubted, copies.size());
  const auto at = copies.insert(copies.end() - static_cast<std::ptrdiff_t>(doubted), message.where);
  if (one->extras->doubted == copies.size()) std::swap(one->at, *at);  // where() was in doubt too
}

// A node is short of memory. The last copy that is not in doubt it keeps, and may put on disk.
void object_table::on_offer(const wire::store_offer& message) {
  const process_id scheduler = process_id::scheduler_of(message.where.node);
  object* one = find(message.object);
  const auto index = one ? index_of_copy(*one, message.where) : std::nullopt;
  if (index && !is_good_without(*one, *index))
    return wire::send(out_, scheduler, wire::store_keep{message.object, message.where});
  if (index) remove_copy(*one, *index);
  wire::send(out_, scheduler, wire::store_free{message.object, message.where});
}

void object_table::on_orphan(const wire::store_orphan& message) {
  object* one = find(message.object);
  if (!one || !index_of_copy(*one, message.where)) {
    wire::send(out_, process_id::scheduler_of(message.where.node),
               wire::store_free{message.object, message.where});
  }
}

bool object_table::has_ended(process_id process) const { return ended_.has(process); }

// The object may be gone afterwards.
void object_table::forget_process(object& one, process_id ended) {
  if (!one.extras) return;
  std::erase_if(one.extras->subscribers, [ended](process_id who) { return ends_with(who, ended); });
  if (ended.is_scheduler()) forget_copies(one, ended.node());
  auto& borrowers = one.extras->borrowers;
  const auto of_ended = [&] {
    return std::ranges::find_if(borrowers,
                                [&](const auto& each) { return ends_with(each.first, ended); });
  };
  if (of_ended() == borrowers.end()) return;
  hold(one);
  for (auto at = of_ended(); at != borrowers.end(); at = of_ended())
    count_borrower(one, at->first, -at->second);
  drop(one);
}

// Another copy takes the place of one on a node that has ended. Where there is none, whoever reads
// it hears that it is lost.
void object_table::forget_copies(object& one, wire::node_id ended) {
  const auto& copies = one.extras->copies;
  for (std::size_t i = copies.size(); i > 0; --i)
    if (copies[i - 1].node == ended) remove_copy(one, i);
  if (one.state.load() == object_state::stored && one.at.node == ended && !copies.empty())
    remove_copy(one, 0);
}

void object_table::on_process_ended(process_id ended) {
  ended_.add(ended);
  if (ended.is_scheduler()) {
    std::erase_if(releases_, [ended](const auto& each) { return ends_with(each.first, ended); });
    return search_for(ended);
  }
  releases_.erase(ended);
  // One that only waits for an object of ours is told when that is ready, and hears nothing.
  if (involved_.is_involved(ended)) search_for(ended);
}

void object_table::search_for(process_id ended) {
  ++searches_;
  slab_.for_each([&](object& first) {
    // Siblings first: the last of them may take the slot along.
    if (first.extras && first.extras->siblings) {
      sibling_block& block = *first.extras->siblings;
      const std::uint64_t sequence = first.id.sequence();
      for (std::uint32_t i = 0, n = block.count; i < n; ++i) {
        const bool last = block.alive == 1 && first.dead;
        if (block.objects[i].id) forget_process(block.objects[i], ended);
        if (last && slab_.find(sequence) != &first) return;
      }
    }
    forget_process(first, ended);
  });
  std::vector<object*> held;
  for (auto at = awaited_.begin(); at != awaited_.end();) {
    if (!ends_with(at->second.owner, ended)) {
      ++at;
      continue;
    }
    held.insert(held.end(), at->second.held.begin(), at->second.held.end());
    involved_.remove(at->second.owner);
    at = awaited_.erase(at);
  }
  for (object* one : held) drop(*one);
  std::vector<object_id> orphans;
  for (const auto& [id, record] : borrowed_)
    if (ends_with(id.owner(), ended)) orphans.push_back(id);
  for (const object_id id : orphans) {
    object* one = find(id);
    if (!one) continue;
    one->registered = 0;
    if (!one->ready()) set_failed(*one, owner_died(id.owner()));
  }
}

void object_table::flush() {
  for (auto& [owner, ids] : releases_) {
    if (ids.empty()) continue;
    wire::borrow_release release;
    release.objects = std::as_bytes(std::span{ids});
    wire::send(out_, owner, release);
    ids.clear();
  }
}

}  // namespace mobula::core
