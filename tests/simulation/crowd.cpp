#include "simulation/crowd.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

#include "core/resources.hpp"
#include "core/sent_messages.hpp"
#include "simulation/alarm.hpp"
#include "wire/codec.hpp"

namespace mobula::sim {

using wire::message_type;
using wire::process_id;

// ---- owners

crowd_owner::crowd_owner(crowd& where, process_id self)
    : where_{where}, self_{self}, out_{where.net().join(self, *this)} {}

void crowd_owner::want(const wire::resource_amounts& demand, std::uint64_t count,
                       std::uint64_t each_ns) {
  errand one;
  one.demand = demand;
  one.each_ns = each_ns;
  one.backlog = count;
  errands_.push_back(one);
  ask(errands_.size() - 1);
}

std::uint64_t crowd_owner::left() const {
  std::uint64_t sum = leases_.size();
  for (const errand& one : errands_) sum += one.backlog + one.requested;
  return sum;
}

void crowd_owner::ask(std::size_t which) {
  constexpr std::uint64_t request_max = 4096;
  errand& one = errands_[which];
  if (one.backlog == 0) {
    if (one.request != 0) request_ended(one);
    return;
  }
  if (one.request != 0) return;
  one.request = ++last_request_;
  one.requested = static_cast<std::uint32_t>(std::min(one.backlog, request_max));
  one.asked = {process_id::scheduler_of(self_.node())};
  one.since_ns = where_.time().now_ns();
  requests_[one.request] = which;
  wire::lease_request request;
  request.owner = self_;
  request.request = one.request;
  request.count = one.requested;
  request.demand = request.held = one.demand;
  wire::send(out_, one.asked.front(), request);
}

void crowd_owner::on_message(process_id from, wire::blob message) {
  where_.arrived(message);
  if (const auto grant = wire::decode<wire::lease_grant>(message)) {
    granted(*grant);
  } else if (const auto recall = wire::decode<wire::lease_recall>(message)) {
    if (const auto at = leases_.find(recall->lease); at != leases_.end())
      at->second.recalled = true;
  } else if (const auto queued = wire::decode<wire::lease_queued>(message)) {
    const auto at = requests_.find(queued->request);
    if (at == requests_.end()) {
      if (queued->count != 0) wire::send(out_, from, wire::lease_update{self_, queued->request, 0});
      return;
    }
    auto& places = errands_[at->second].asked;
    if (std::ranges::count(places, from) == 0) places.push_back(from);
  } else if (const auto refusal = wire::decode<wire::lease_refuse>(message)) {
    const auto at = requests_.find(refusal->request);
    if (at == requests_.end()) return;
    errand& one = errands_[at->second];
    requests_.erase(at);
    refused_ += std::exchange(one.backlog, 0);
    one.request = one.requested = 0;
  }
}

void crowd_owner::request_ended(errand& one) {
  for (const process_id place : one.asked)
    wire::send(out_, place, wire::lease_update{self_, one.request, 0});
  requests_.erase(one.request);
  one.request = one.requested = 0;
}

void crowd_owner::node_ended(wire::node_id node) {
  std::erase_if(leases_, [&](const auto& one) {
    if (one.first.granter.node() != node) return false;
    errand& of = errands_[one.second.of];
    --of.leases;
    ++of.backlog;
    return true;
  });
  for (std::size_t i = 0; i < errands_.size(); ++i) {
    if (errands_[i].request != 0) request_ended(errands_[i]);
    ask(i);
  }
}

void crowd_owner::granted(const wire::lease_grant& grant) {
  // Its link has been cut.
  if (where_.has_ended(grant.lease.granter.node())) return;
  const auto at = requests_.find(grant.request);
  // Granted when it was no longer wanted.
  if (at == requests_.end()) {
    wire::send(out_, grant.lease.granter, wire::lease_return{grant.lease});
    return;
  }
  const std::size_t which = at->second;
  errand& one = errands_[which];
  one.since_ns = where_.time().now_ns();
  if (--one.requested == 0) request_ended(one);
  held& with = leases_[grant.lease];
  with.of = which;
  with.worker = grant.worker;
  ++one.leases;
  where_.begins(grant, one.demand);
  work_on(grant.lease, with);
  ask(which);
}

void crowd_owner::work_on(wire::lease_id lease, held& with) {
  errand& one = errands_[with.of];
  if (one.backlog == 0 || with.recalled) return give_back(lease);
  --one.backlog;
  where_.time().after(one.each_ns, [this, lease] { task_ended(lease); });
}

void crowd_owner::task_ended(wire::lease_id lease) {
  if (where_.has_ended(self_)) return;
  const auto at = leases_.find(lease);
  if (at == leases_.end()) return;  // its node has ended
  ++done_;
  held& with = at->second;
  const std::size_t which = with.of;
  work_on(lease, with);
  ask(which);
}

void crowd_owner::give_back(wire::lease_id lease) {
  where_.ends(lease);
  --errands_[leases_.at(lease).of].leases;
  leases_.erase(lease);
  wire::send(out_, lease.granter, wire::lease_return{lease});
}

// ---- workers: they begin, run what is pushed to them, and end when they are told to

class crowd::worker final : public wire::receiver {
 public:
  worker(crowd& where, process_id self, core::device_set sees)
      : devices{std::move(sees)}, where_{where}, self_{self}, out_{where.net().join(self, *this)} {}
  core::device_set devices;

 private:
  struct pushed {
    process_id by;
    wire::task_done answer;
  };
  void on_message(process_id from, wire::blob message) override;
  void on_closed(process_id) override {}
  void run_next();
  void end_one();
  void give_back(process_id owner, const wire::task_reclaim& asked);

  crowd& where_;
  process_id self_;
  wire::outbox& out_;
  std::deque<pushed> pushed_;  // the first one runs
};

// ---- nodes

class crowd::host final : public wire::receiver, core::worker_starter {
 public:
  host(crowd& where, wire::node_id id)
      : where_{where}, id_{id}, out_{where.net().join(process_id::scheduler_of(id), *this)} {}

  core::scheduler* made() { return scheduler_.get(); }
  core::scheduler& scheduler() {
    if (!scheduler_) {
      core::worker_starter& starter = *this;
      auto limits = where_.options_.scheduler;
      limits.seed = where_.options_.seed;
      scheduler_ =
          std::make_unique<core::scheduler>(id_, where_.options_.nodes, starter, out_, limits);
      scheduler_->tick(where_.time().now_ns());
    }
    return *scheduler_;
  }
  void process_ended(process_id process) {
    scheduler().process_ended(process);
    // The others wait until that one has declared it.
    if (process.is_scheduler() && id_ == 0) where_.heard_of_end(id_, process.node());
    plan_tick();
  }
  void worker_left(process_id process) {
    scheduler().worker_ended(process, "ended", {}, true);
    plan_tick();
  }

 private:
  void on_message(process_id from, wire::blob message) override {
    where_.arrived(message);
    where_.arrived_at(id_);
    scheduler().tick(where_.time().now_ns());
    scheduler().on_message(from, message);
    if (const auto news = wire::decode<wire::process_ended>(message)) {
      for (const process_id one : news->processes)
        if (one.is_scheduler()) where_.heard_of_end(id_, one.node());
    }
    plan_tick();
  }
  void on_closed(process_id peer) override {
    if (peer.is_scheduler()) process_ended(peer);
  }
  void start_worker(process_id process, const core::process_set& set) override {
    where_.time().after(where_.options_.start_ns, [this, process, devices = set.devices] {
      if (where_.has_ended(id_)) return;
      where_.workers_[process] = std::make_unique<worker>(where_, process, devices);
      scheduler().tick(where_.time().now_ns());
      scheduler().worker_joined(process);
      plan_tick();
    });
  }
  void end_worker(process_id) override {}
  void plan_tick() { tick_.set(scheduler_->next_deadline_ns()); }
  void tick() {
    if (where_.has_ended(id_)) return;
    scheduler_->tick(where_.time().now_ns());
    plan_tick();
  }

  crowd& where_;
  wire::node_id id_;
  wire::outbox& out_;
  std::unique_ptr<core::scheduler> scheduler_;
  alarm tick_{where_.time(), [this] { tick(); }};
};

void crowd::worker::on_message(process_id from, wire::blob message) {
  where_.arrived(message);
  if (const auto revoked = wire::decode<wire::lease_revoke>(message)) {
    where_.ends(revoked->lease);
    wire::send(out_, from, wire::lease_over{revoked->lease});
  } else if (const auto push = wire::decode<wire::task_push>(message)) {
    wire::task_done answer;
    answer.attempt = push->attempt;
    answer.task = push->task;
    answer.lease = push->lease;
    pushed_.push_back({from, std::move(answer)});
    if (pushed_.size() == 1) run_next();
  } else if (const auto reclaim = wire::decode<wire::task_reclaim>(message)) {
    give_back(from, *reclaim);
  } else if (wire::type_of(message) == message_type::worker_retire) {
    // Not from within its own message.
    where_.time().after(0, [&where = where_, self = self_] {
      if (where.has_ended(self.node())) return;
      where.net().leave(self);
      where.workers_.erase(self);
      where.nodes_[self.node()]->worker_left(self);
    });
  }
}

void crowd::worker::run_next() {
  if (where_.options_.task_ns == 0) return;
  where_.time().after(where_.options_.task_ns, [&where = where_, self = self_] {
    if (const auto at = where.workers_.find(self); at != where.workers_.end())
      at->second->end_one();
  });
}

void crowd::worker::end_one() {
  pushed one = std::move(pushed_.front());
  pushed_.pop_front();
  const auto value = core::encoded_part(wire::value_view{});
  one.answer.results = value;
  wire::send(out_, one.by, one.answer);
  if (!pushed_.empty()) run_next();
}

void crowd::worker::give_back(process_id owner, const wire::task_reclaim& asked) {
  wire::task_return back;
  back.lease = asked.lease;
  while (back.tasks.size() < asked.count && pushed_.size() > 1) {
    const pushed& last = pushed_.back();
    if (last.answer.lease != asked.lease) break;
    back.tasks.insert(back.tasks.begin(), {last.answer.task, last.answer.attempt});
    pushed_.pop_back();
  }
  wire::send(out_, owner, back);
}

// ---- the crowd

crowd::crowd(crowd_options named)
    : options_{std::move(named)},
      net_{time_, wire::mix(options_.seed + 1), options_.messages},
      used_(options_.nodes.size()),
      messages_at_(options_.nodes.size()) {
  for (std::size_t i = 0; i < options_.nodes.size(); ++i)
    nodes_.push_back(std::make_unique<host>(*this, static_cast<wire::node_id>(i)));
}

crowd::~crowd() = default;

crowd_owner& crowd::add_owner(wire::node_id node) {
  // Out of the way of the workers' numbers.
  constexpr std::uint32_t owners_from = 1'000'000'000;
  owners_.push_back(
      std::make_unique<crowd_owner>(*this, process_id{node, owners_from + next_owner_++}));
  return *owners_.back();
}

void crowd::kill(crowd_owner& owner) {
  if (!ended_.emplace(owner.self(), true).second) return;
  net_.kill(owner.self());
  nodes_[owner.self().node()]->process_ended(owner.self());
}

void crowd::kill(wire::node_id node) {
  const process_id dead = process_id::scheduler_of(node);
  ended_[dead] = true;
  net_.kill(dead);
  for (const auto& one : owners_) {
    if (one->self().node() != node || !ended_.emplace(one->self(), true).second) continue;
    net_.kill(one->self());
  }
  std::vector<process_id> there;
  for (const auto& [process, one] : workers_)
    if (process.node() == node) there.push_back(process);
  for (const process_id process : there) {
    net_.kill(process);
    workers_.erase(process);
  }
  std::erase_if(uses_, [&](const auto& one) { return one.second.worker.node() == node; });
  net_.told_of_end(process_id::scheduler_of(0), dead);
}

// The node's owners hear it from its scheduler.
void crowd::heard_of_end(wire::node_id listener, wire::node_id ended) {
  if (!heard_.insert({listener, ended}).second) return;
  for (const auto& one : owners_)
    if (one->self().node() == listener && !has_ended(one->self())) one->node_ended(ended);
}

void crowd::run(std::uint64_t until_ns) {
  bool over = false;
  if (until_ns != never) time_.at(until_ns, [&] { over = true; });
  while (!over && failure_.empty() && time_.step()) {
  }
}

core::scheduler* crowd::scheduler_of(wire::node_id node) { return nodes_[node]->made(); }

std::uint64_t crowd::messages(message_type what) const {
  const auto at = by_type_.find(what);
  return at == by_type_.end() ? 0 : at->second;
}

std::uint64_t crowd::looks() const {
  std::uint64_t sum = 0;
  for (const auto& one : nodes_)
    if (one->made()) sum += one->made()->peers().looks();
  return sum;
}

std::size_t crowd::schedulers_made() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(nodes_, [](const auto& one) { return one->made() != nullptr; }));
}

void crowd::arrived(wire::blob message) {
  ++messages_;
  ++by_type_[wire::type_of(message)];
}

void crowd::failed(const std::string& what) {
  if (failure_.empty()) failure_ = what + ", at " + std::to_string(time_.now_ns()) + " ns";
}

void crowd::begins(const wire::lease_grant& grant, const wire::resource_amounts& demand) {
  const use& one = uses_[grant.lease] = {grant.worker, demand};
  count(one, 1);
}

void crowd::ends(wire::lease_id lease) {
  const auto at = uses_.find(lease);
  if (at == uses_.end()) return;
  count(at->second, -1);
  uses_.erase(at);
}

void crowd::count(const use& one, int sign) {
  const wire::node_id node = one.worker.node();
  if (sign < 0) {
    core::take(used_[node], one.amounts);
  } else {
    core::add(used_[node], one.amounts);
    wire::resource_amounts total;
    for (const auto& seat : options_.nodes[node].seats) core::add(total, seat);
    if (!core::fits(used_[node], total))
      failed("node " + std::to_string(node) + " is over its total: " + core::to_text(used_[node]) +
             " of " + core::to_text(total));
  }
  if (one.amounts.gpus == 0) return;
  const auto at = workers_.find(one.worker);
  if (at == workers_.end()) return failed("a lease of a worker that nobody knows");
  for (const core::device_share& share : at->second->devices) {
    std::int64_t& taken = devices_used_[{node, share.number}];
    taken += sign * share.amount;
    if (taken > wire::resource_amounts::unit)
      failed("device " + std::to_string(share.number) + " of node " + std::to_string(node) +
             " is over one");
  }
}

idle_room crowd::look_for_idle_room() {
  const std::uint64_t now = time_.now_ns();
  // Demands that somebody waits for, and since when.
  std::map<std::uint64_t, std::pair<wire::resource_amounts, std::uint64_t>> wanted;
  for (const auto& owner : owners_) {
    if (has_ended(owner->self())) continue;
    for (const errand& one : owner->errands()) {
      if (one.requested == 0 || one.backlog == 0) continue;
      auto& [demand, since] =
          wanted.try_emplace(core::shape_number(one.demand), one.demand, now).first->second;
      since = std::min(since, one.since_ns);
    }
  }
  std::map<std::pair<std::uint64_t, wire::node_id>, idle_room> room_now;
  idle_room longest;
  for (const auto& [number, what] : wanted) {
    const auto& [demand, waits_since] = what;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const auto id = static_cast<wire::node_id>(i);
      if (has_ended(id)) continue;
      const core::scheduler* made = nodes_[i]->made();
      if (made && (made->waiting_count() != 0 || made->books().seat_for(demand) < 0)) continue;
      if (!made && !core::fits(demand, options_.nodes[i].seats.front())) continue;
      const auto before = room_since_.find({number, id});
      idle_room since{now, messages_at_[i]};
      if (before != room_since_.end() && before->second.ns >= waits_since) since = before->second;
      room_now[{number, id}] = since;
      longest.ns = std::max(longest.ns, now - since.ns);
      longest.messages = std::max(longest.messages, messages_at_[i] - since.messages);
    }
  }
  room_since_ = std::move(room_now);
  return longest;
}

std::string crowd::leftovers() const {
  std::string text = failure_;
  const auto say = [&](wire::node_id node, const char* what, std::uint64_t count) {
    if (count == 0) return;
    text += "node " + std::to_string(node) + ": " + what + " " + std::to_string(count) + "\n";
  };
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const core::scheduler* made = nodes_[i]->made();
    const auto id = static_cast<wire::node_id>(i);
    if (!made || has_ended(id)) continue;
    say(id, "leases", made->lease_count());
    say(id, "waiting", made->waiting_count());
    say(id, "dropped", made->dropped());
    if (made->books().free() != made->books().total())
      text += "node " + std::to_string(i) + " has not everything back\n";
  }
  for (const auto& one : owners_) {
    if (!has_ended(one->self())) say(one->self().node(), "tasks left", one->left());
  }
  return text;
}

}  // namespace mobula::sim
