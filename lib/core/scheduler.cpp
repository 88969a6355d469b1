#include "core/scheduler.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/invariant.hpp"
#include "wire/codec.hpp"

namespace mobula::core {
namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
// Node 0's, which every job has.
constexpr wire::node_id first_node = 0;

scheduler_limits complete(scheduler_limits limits, const wire::resource_amounts& total) {
  const auto cpus = static_cast<std::uint32_t>((total.cpus + wire::resource_amounts::unit - 1) /
                                               wire::resource_amounts::unit);
  if (limits.workers == 0) limits.workers = 2 * cpus + 2;
  if (limits.workers_max == 0) limits.workers_max = 8 * cpus + 64;
  limits.workers_max = std::max(limits.workers, limits.workers_max);
  if (limits.retiring_max == 0) limits.retiring_max = limits.workers;
  return limits;
}

}  // namespace

scheduler::scheduler(wire::node_id node, std::vector<node_totals> nodes, worker_starter& starter,
                     wire::outbox& out, scheduler_limits limits)
    : node_{node},
      self_{wire::process_id::scheduler_of(node)},
      out_{out},
      books_{nodes.at(node).seats, nodes.at(node).devices, nodes.at(node).cores},
      peers_{node, std::move(nodes), limits.seed},
      agreement_{peers_},
      workers_{node, std::max(2U, peers_[node].drivers + 1), starter},
      inquiries_{out},
      recall_at_ns_{never},
      remind_at_ns_{never} {
  limits_ = complete(limits, books_.total());
  if (node != first_node) return;
  limits_.groups.hops_max = limits_.hops_max;
  groups_.emplace(peers_, ended_, out_, limits_.groups);
  groups_->own_room = [this] { return rooms_here(); };
}

void scheduler::on_message(wire::process_id from, wire::blob message) {
  bool known = true;
  const auto decoded = [&]<class Message>(auto&& handle, std::type_identity<Message>) {
    auto one = wire::decode<Message>(message);
    one ? handle(std::move(*one)) : void(++dropped_);
  };
  const auto with_sender =
      [&]<class Message>(void (scheduler::*handler)(wire::process_id, const Message&)) {
        decoded([&](Message one) { (this->*handler)(from, one); }, std::type_identity<Message>{});
      };
  switch (wire::type_of(message)) {
    case wire::message_type::lease_request:
      decoded([&](wire::lease_request asked) { on_request(from, std::move(asked)); },
              std::type_identity<wire::lease_request>{});
      break;
    case wire::message_type::lease_update:
      with_sender(&scheduler::on_update);
      break;
    case wire::message_type::lease_return:
      with_sender(&scheduler::on_return);
      break;
    case wire::message_type::lease_over:
      with_sender(&scheduler::on_over);
      break;
    case wire::message_type::cpus_lend:
      with_sender(&scheduler::on_lend);
      break;
    case wire::message_type::cpus_claim:
      with_sender(&scheduler::on_claim);
      break;
    case wire::message_type::process_ended:
      with_sender(&scheduler::on_process_ended);
      break;
    case wire::message_type::nodes_query:
      with_sender(&scheduler::on_query);
      break;
    case wire::message_type::nodes_reply:
      decoded([&](wire::nodes_reply answer) { inquiries_.answered(from.node(), answer); },
              std::type_identity<wire::nodes_reply>{});
      break;
    case wire::message_type::free_amounts:
      with_sender(&scheduler::on_free_amounts);
      break;
    case wire::message_type::bundle_wanted:
      with_sender(&scheduler::on_bundle_wanted);
      break;
    case wire::message_type::bundle_room:
      with_sender(&scheduler::on_bundle_room);
      break;
    case wire::message_type::group_create:
    case wire::message_type::group_remove:
    case wire::message_type::lease_grant:
    case wire::message_type::lease_refuse:
      known = groups_ && groups_->on_message(from, message);
      break;
    case wire::message_type::wait_query:
      with_sender(&scheduler::on_wait_query);
      break;
    case wire::message_type::shutdown:
      with_sender(&scheduler::on_shutdown);
      break;
    case wire::message_type::shutdown_done:
      not_done_.erase(from.node());
      break;
    default:
      known = false;
  }
  if (!known) ++dropped_;
}

void scheduler::on_free_amounts(wire::process_id, const wire::free_amounts& news) {
  peers_.heard(news);
  offer_to(news.node);
  if (groups_) groups_->room_changed();
  // What waits there knows of our room only what we said when it last changed.
  if (news.waiting != 0) answer_waiting(news.node);
}

void scheduler::on_lend(wire::process_id from, const wire::cpus_lend& said) {
  lease* one = find(said.lease);
  if (!one || one->worker != from || one->lent) return;
  wire::resource_amounts cpus;
  cpus.cpus = one->held.cpus;
  books_.give_to(one->seat, cpus, {}, one->set.cores);
  one->lent = true;
  one->shares = said.shares;
  if (one->shares) ++workers_.find(from)->blocked;
  // What waits on other nodes hears of them too.
  news_ = true;
  interests(one->owner.node());
  serve();
}

void scheduler::on_claim(wire::process_id from, const wire::cpus_claim& asked) {
  lease* one = find(asked.lease);
  if (!one || one->worker != from || !one->lent) {
    // Nothing is booked for it here that could be waited for: let it end what it began.
    return wire::send(out_, from, wire::cpus_grant{asked.lease});
  }
  if (one->claiming) return;
  one->claiming = true;
  claims_.push_back(one->number);
  serve();
}

void scheduler::on_return(wire::process_id from, const wire::lease_return& asked) {
  lease* one = find(asked.lease);
  if (!one || one->owner != from) return;
  if (one->kind == wire::lease_kind::bundle) {
    end_bundle(*one);
    return serve();
  }
  if (one->kind == wire::lease_kind::actor && one->worker) {
    wire::send(out_, one->worker, wire::lease_revoke{asked.lease});
  }
  end_lease(*one);
  serve();
}

void scheduler::on_over(wire::process_id from, const wire::lease_over& said) {
  lease* one = find(said.lease);
  if (!one || one->worker != from) return;
  end_lease(*one);
  serve();
}

void scheduler::on_query(wire::process_id from, const wire::nodes_query& asked) {
  wire::nodes_reply::entry here;
  here.node = node_;
  here.workers = static_cast<std::uint32_t>(workers_.size());
  here.host = peers_[node_].host;
  here.total = books_.total();
  here.free = books_.free();
  if (on_store_use) here.store = on_store_use();
  if (on_describe) here.description = on_describe();
  if (!from.is_scheduler()) return inquiries_.ask(from, asked.token, here, peers_);
  wire::nodes_reply answer;
  answer.token = asked.token;
  answer.nodes.push_back(here);
  wire::send(out_, from, answer);
}

void scheduler::worker_joined(wire::process_id process) {
  worker* one = workers_.find(process);
  if (!one || one->now != worker::state::starting) return;
  workers_.joined(*one);
  serve();
}

void scheduler::driver_joined(wire::process_id process) {
  drivers_.push_back(process);
  if (shutting_down_) wire::send(out_, process, wire::shutdown{exit_status_});
}

void scheduler::worker_ended(wire::process_id process, std::string_view cause,
                             const std::vector<begun_entry>& begun, bool as_asked) {
  worker* one = workers_.find(process);
  if (!one) return;
  for (const std::uint64_t number : std::vector<std::uint64_t>(one->leases)) {
    lease& lost = leases_.at(number);
    wire::lease_lost message;
    message.lease = {self_, number};
    message.worker = process;
    message.cause = one->ended_for ? one->ended_for : cause;
    for (const begun_entry& entry : begun) {
      const bool of_lease = entry.lease == message.lease;
      if (of_lease &&
          (lost.kind == wire::lease_kind::actor || entry.entry.task.owner() == lost.owner)) {
        message.begun.push_back(entry.entry);
      }
    }
    if (!lost.revoked && !shutting_down_) wire::send(out_, lost.owner, message);
    end_lease(lost);
  }
  if (!shutting_down_) tell_of_leases_over(process, cause, begun);
  const bool joined = one->now != worker::state::starting;
  const bool was_asked_to = as_asked && one->now == worker::state::retiring;
  workers_.forget(process);
  // Nobody else can have heard of one that never joined. The processes here hear of its end before
  // its leases are revoked, so that no push of it comes too late to be recognised.
  if (joined) {
    if (was_asked_to && retired_.empty())
      announce_retired_ns_ = now_ns_ + limits_.tell_retired_every_ns;
    (was_asked_to ? retired_ : to_announce_).push_back(process);
    announce_here({process});
  }
  drop_what_belongs_to(process);
  if (groups_) groups_->process_ended(process);
  serve();
  retire_surplus();
  say_done_if_so();
}

void scheduler::process_ended(wire::process_id process) {
  if (ended_.has(process)) return;
  // The driver's scheduler alone declares a node dead, to all at once: a link that breaks between
  // two others must not be two deaths, nor a thousand nodes send a million messages.
  const auto declares = wire::process_id::scheduler_of(0);
  if (process.is_scheduler() && process != declares && self_ != declares)
    return wire::send(out_, declares, wire::process_ended{{process}});
  to_announce_.push_back(process);
  announce_here({process});
  ended_elsewhere(process);
}

void scheduler::on_process_ended(wire::process_id from, const wire::process_ended& said) {
  if (!from.is_scheduler()) return;
  std::vector<wire::process_id> fresh;
  for (const auto process : said.processes) {
    if (!ended_.has(process) && process.node() != node_) fresh.push_back(process);
  }
  if (fresh.empty()) return;
  announce_here(fresh);
  for (const auto process : fresh) {
    if (groups_ && process.is_scheduler()) to_announce_.push_back(process);
    ended_elsewhere(process);
  }
}

void scheduler::ended_elsewhere(wire::process_id process) {
  drop_what_belongs_to(process);
  if (process.is_scheduler() && process.node() < peers_.size()) {
    peers_.died(process.node());
    inquiries_.died(process.node(), peers_);
    not_done_.erase(process.node());
  }
  if (groups_) groups_->process_ended(process);
  serve();
  // Without its drivers, or the node that speaks for them, the job is over.
  constexpr std::int32_t driver_died = 1;
  if (peers_.is_end_of_a_driver(process)) shut_down(driver_died);
}

void scheduler::drop_what_belongs_to(wire::process_id ended) {
  ended_.add(ended);
  const bool node = ended.is_scheduler();
  for (request_queue* all : {&queue_, &infeasible_})
    node ? all->drop_node(ended.node()) : all->drop_owner(ended);
  for (auto at = leases_.begin(); at != leases_.end();) {
    lease& one = (at++)->second;
    if (one.owner == ended || (node && one.owner.node() == ended.node())) revoke(one);
  }
}

void scheduler::announce_here(const std::vector<wire::process_id>& ended) {
  const wire::process_ended news{ended};
  std::vector<wire::process_id> local;
  // What one that has not joined is told is lost, and looks as if it had ended.
  for (const auto driver : drivers_) {
    const bool is_there =
        !ended_.has(driver) && std::find(ended.begin(), ended.end(), driver) == ended.end();
    if (is_there) local.push_back(driver);
  }
  for (const auto& [id, one] : workers_.all()) {
    if (one.now != worker::state::starting) local.push_back(id);
  }
  std::sort(local.begin(), local.end());
  for (const auto process : local) wire::send(out_, process, news);
}

void scheduler::announce_elsewhere() {
  const wire::process_ended news{std::exchange(to_announce_, {})};
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const auto node = static_cast<wire::node_id>(i);
    if (node != node_ && peers_[node].alive) {
      wire::send(out_, wire::process_id::scheduler_of(node), news);
    }
  }
}

/// The node will want to hear what is free here, when others are told.
void scheduler::interests(wire::node_id node) {
  if (node == node_ || interested_.size() >= interested_max) return;
  if (std::find(interested_.begin(), interested_.end(), node) == interested_.end()) {
    interested_.push_back(node);
  }
}

void scheduler::tell(wire::node_id node) {
  wire::free_amounts news;
  news.node = node_;
  news.waiting = queue_.waiting() + (groups_ ? groups_->waiting() : 0);
  news.lacking = queue_.claimed() | (claims_.empty() ? 0 : cpus_bit);
  news.free = books_.free();
  const device_room gpus = books_.device_room_of_all();
  news.gpu_part = gpus.part;
  news.gpus_whole = gpus.whole;
  wire::send(out_, wire::process_id::scheduler_of(node), news);
}

void scheduler::greet() {
  if (node_ != first_node) tell(first_node);
}

void scheduler::answer_waiting(wire::node_id node) {
  const bool known = node < peers_.size() && node != node_ && peers_[node].alive;
  if (known && !somebody_waits() && !shutting_down_) tell(node);
}

void scheduler::tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  if (!retired_.empty() && now_ns >= announce_retired_ns_) {
    to_announce_.insert(to_announce_.end(), retired_.begin(), retired_.end());
    retired_.clear();
  }
  if (!to_announce_.empty()) announce_elsewhere();
  if (now_ns >= recall_at_ns_) recall_for_waiting();
  remind();
  if (groups_ && !shutting_down_) groups_->tick(now_ns);
  if (news_ && peers_.size() > 1 && now_ns >= gossip_at_ns_ && !shutting_down_) {
    news_ = false;
    gossip_at_ns_ = now_ns + limits_.gossip_every_ns;
    const bool looks = std::exchange(reminds_, false);
    const auto listeners =
        looks ? peers_.some(limits_.remind_fan_out) : peers_.listeners(limits_.gossip_fan_out);
    for (const wire::node_id node : listeners) interests(node);
    for (const wire::node_id node : std::exchange(interested_, {})) {
      if (peers_[node].alive) tell(node);
    }
  }
}

bool scheduler::somebody_waits() const {
  return !queue_.empty() || (groups_ && groups_->waiting() != 0);
}

/// News go to a few nodes only: one that has room may not know that something waits here, nor we of
/// its room. Both hear of it sooner or later, whatever was missed.
void scheduler::remind() {
  if (!somebody_waits() || peers_.size() < 2) {
    remind_at_ns_ = never;
    remind_every_ns_ = limits_.gossip_every_ns;
  } else if (remind_at_ns_ == never) {
    remind_at_ns_ = now_ns_ + remind_every_ns_;
  } else if (now_ns_ >= remind_at_ns_) {
    news_ = reminds_ = true;
    send_on();
    remind_every_ns_ = std::min(2 * remind_every_ns_, limits_.remind_every_ns_max);
    remind_at_ns_ = now_ns_ + remind_every_ns_;
  }
}

std::uint64_t scheduler::next_deadline_ns() const {
  if (!to_announce_.empty()) return 0;
  const std::uint64_t groups = groups_ && !shutting_down_ ? groups_->next_deadline_ns() : never;
  if (peers_.size() < 2 || shutting_down_) return std::min(recall_at_ns_, groups);
  if (somebody_waits() && remind_at_ns_ == never) return 0;
  const std::uint64_t reminds = somebody_waits() ? remind_at_ns_ : never;
  const std::uint64_t retired = retired_.empty() ? never : announce_retired_ns_;
  return std::min({recall_at_ns_, reminds, groups, retired, news_ ? gossip_at_ns_ : never});
}

void scheduler::on_shutdown(wire::process_id from, const wire::shutdown& asked) {
  if (shutting_down_) return;
  const auto first = wire::process_id::scheduler_of(first_node);
  if (node_ != first_node && from == first) return shut_down(asked.exit_status);
  if (!agreement_.asked(from)) return;
  node_ == first_node ? shut_down(asked.exit_status) : wire::send(out_, first, asked);
}

/// Who has asked for it waits for the others until then, however long that takes.
void scheduler::tell_drivers_of_the_end() {
  for (const auto driver : drivers_)
    if (!ended_.has(driver)) wire::send(out_, driver, wire::shutdown{exit_status_});
}

void scheduler::shut_down(std::int32_t exit_status) {
  if (shutting_down_) return;
  shutting_down_ = true;
  exit_status_ = exit_status;
  recall_at_ns_ = never;
  queue_.clear();
  infeasible_.clear();
  claims_.clear();
  if (node_ == first_node) {
    for (std::size_t i = 1; i < peers_.size(); ++i) {
      const auto node = static_cast<wire::node_id>(i);
      if (!peers_[node].alive) continue;
      not_done_.insert(node);
      wire::send(out_, wire::process_id::scheduler_of(node), wire::shutdown{exit_status});
    }
  }
  tell_drivers_of_the_end();
  std::vector<wire::process_id> all;
  for (const auto& [id, one] : workers_.all()) all.push_back(id);
  std::sort(all.begin(), all.end());
  for (const auto process : all) {
    if (worker* one = workers_.find(process)) workers_.end(*one);
  }
  say_done_if_so();
}

void scheduler::say_done_if_so() {
  if (!shutting_down_ || done_said_ || workers_.size() != 0) return;
  done_said_ = true;
  if (node_ != first_node) {
    wire::send(out_, wire::process_id::scheduler_of(first_node), wire::shutdown_done{});
  }
}

bool scheduler::finished() const {
  return shutting_down_ && workers_.size() == 0 && not_done_.empty();
}

}  // namespace mobula::core
