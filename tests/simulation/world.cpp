#include "simulation/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <limits>
#include <sstream>

#include "core/errors.hpp"
#include "core/lease_slot.hpp"
#include "simulation/trace.hpp"
#include "wire/codec.hpp"

namespace mobula::sim {

using wire::process_id;
using wire::resource_amounts;

namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

std::int64_t units(double amount) {
  return static_cast<std::int64_t>(amount * resource_amounts::unit);
}

resource_amounts amounts(double cpus, double gpus) {
  resource_amounts made;
  made.cpus = units(cpus);
  made.gpus = units(gpus);
  return made;
}

}  // namespace

world::world(world_options named)
    : options_{named},
      random_{wire::mix(named.seed)},
      net_{time_, wire::mix(named.seed + 1), named.messages},
      used_(named.nodes) {
  add_demand(wire::lease_kind::task, 1);
  add_demand(wire::lease_kind::actor, 1, 0, false);
  total_ = {units(named.cpus), units(named.gpus)};
  std::vector<core::node_totals> totals;
  for (std::uint16_t i = 0; i < named.nodes; ++i)
    totals.push_back({"host" + std::to_string(i), {amounts(named.cpus, named.gpus)}});
  for (core::node_totals& one : totals) one.drivers = named.drivers;
  // A core for each cpu.
  for (core::node_totals& one : totals)
    one.cores = {std::vector<core::core_place>(static_cast<std::size_t>(named.cpus))};
  for (std::uint16_t i = 0; i < named.nodes; ++i)
    nodes_.push_back(std::make_unique<node>(*this, i, totals));
  for (std::uint16_t i = 0; i < (named.drivers == 0 ? 1 : named.nodes); ++i) {
    for (std::uint32_t number = 1; number <= std::max(1U, named.drivers); ++number) {
      auto& driver = peers_[process_id{i, number}];
      driver = std::make_unique<peer>(*this, process_id{i, number});
      drivers_.push_back(driver.get());
      nodes_[i]->scheduler().driver_joined({i, number});
    }
  }
}

world::~world() {
  for (auto& [id, one] : peers_) one->destroy_strands();
}

std::uint32_t world::add_demand(wire::lease_kind kind, double cpus, double gpus, bool held) {
  core::demand_key key;
  key.kind = kind;
  key.demand = amounts(cpus, gpus);
  key.held = held ? key.demand : amounts(0, gpus);
  demands.push_back(key);
  return static_cast<std::uint32_t>(demands.size() - 1);
}

std::size_t world::define(std::function<body(context&)> code) {
  functions_.push_back(std::move(code));
  return functions_.size() - 1;
}

peer* world::find(process_id process) {
  const auto found = peers_.find(process);
  return found == peers_.end() ? nullptr : found->second.get();
}

std::vector<process_id> world::workers() const {
  std::vector<process_id> all;
  for (const auto& [id, one] : peers_)
    if (std::ranges::count(drivers_, one.get()) == 0) all.push_back(id);
  return all;
}

void world::start(process_id worker) { peers_[worker] = std::make_unique<peer>(*this, worker); }

void world::leave(process_id worker) {
  auto found = peers_.extract(worker);
  if (!found) return;
  if (options_.trace) std::cout << time_.now_ns() << " left " << core::name_of(worker) << "\n";
  net_.leave(worker);
  node_at(worker.node()).worker_died(worker, "ended", {});
  dead_.push_back(std::move(found.mapped()));
}

void world::kill(process_id process, const std::string& cause) {
  auto found = peers_.extract(process);
  if (!found) return;
  peer& dying = *found.mapped();
  if (options_.trace) std::cout << time_.now_ns() << " killed " << core::name_of(process) << "\n";
  auto begun = dying.board().entries();
  for (const auto& one : begun)
    count(leases_[one.lease], process.node(), -1,
          one.entry.state == wire::begun_state::running ? -1 : 0);
  // A task has ended on the board once its completion is sure to arrive, and not before.
  std::vector<network::lost_message> all_lost;
  if (options_.kills_lose) {
    all_lost = net_.kill(process);
  } else {
    net_.leave(process);
  }
  for (const auto& lost : all_lost) {
    may_leave_objects_ = true;
    if (const auto done = wire::decode<wire::task_done>(lost.bytes))
      begun.push_back({done->lease, {done->task, done->attempt, wire::begun_state::running}});
  }
  dying.destroy_strands();
  node_at(process.node()).worker_died(process, cause, std::move(begun));
  dead_.push_back(std::move(found.mapped()));
}

label world::new_task(std::uint32_t demand) {
  const label it = fresh_label();
  tasks_[it].demand = demand;
  return it;
}

label world::new_put(bool plain) { return fresh_label() | (plain ? plain_bit : 0); }

label world::fresh_label() {
  const label it = wire::mix(options_.seed * 0x9e3779b97f4a7c15U + next_label_++);
  return (it & ~plain_bit) | 1;
}

void world::task_begins(const core::attempt& one) {
  const auto arguments = plain_arguments::decoded(one.push.arguments);
  if (!arguments) return failed("arguments came damaged");
  ++begun_;
  const auto found = tasks_.find(arguments->task);
  if (found == tasks_.end()) return failed("a task that nobody submitted");
  if (++found->second.runs != 1) failed("a task ran twice");
  lease_use& use = leases_[one.lease->id];
  if (one.kind != core::attempt_kind::call) use.demand = &demands[arguments->demand];
  count(use, one.lease->id.granter.node(), 1, 1);
}

void world::task_runs(const core::attempt& one, bool runs) {
  count(leases_[one.lease->id], one.lease->id.granter.node(), 0, runs ? 1 : -1);
}

void world::task_ended(const core::attempt& one) {
  count(leases_[one.lease->id], one.lease->id.granter.node(), -1, -1);
}

void world::count(lease_use& use, wire::node_id where, int begun, int running) {
  const auto held = [&](std::uint32_t some, std::int64_t amount) { return some ? amount : 0; };
  if (!use.demand) return failed("a lease whose demand nobody knows");
  used_amounts& used = used_[where];
  const auto& demand = use.demand->held;
  used.cpus -= held(use.running, demand.cpus);
  used.gpus -= held(use.begun, demand.gpus);
  use.begun += static_cast<std::uint32_t>(begun);
  use.running += static_cast<std::uint32_t>(running);
  used.cpus += held(use.running, demand.cpus);
  used.gpus += held(use.begun, demand.gpus);
  if (use.running > 1) failed("two attempts run in one lease");
  if (used.cpus > total_.cpus || used.gpus > total_.gpus) failed("a node is over its total");
}

void world::trace(process_id from, process_id to, wire::blob message) const {
  if (options_.trace)
    std::cout << time_.now_ns() << ' ' << described(from, to, message) << std::endl;
}

void world::progressed(std::uint64_t until_ns) {
  progress_ns_ = std::max({progress_ns_, until_ns, time_.now_ns()});
}

void world::deadlocked(const std::string& what) {
  deadlocks_.push_back(what);
  if (!options_.deadlocks)
    failed("nobody waits for each other here, but: " + what + "\n" + state());
}

void world::failed(const std::string& what) {
  if (failed_) return;
  failed_ = true;
  ADD_FAILURE() << what << ", at " << time_.now_ns() << " ns, step " << time_.steps()
                << " of the simulation with seed " << options_.seed;
}

bool world::allowed(wire::error_code error) const {
  switch (error) {
    case wire::error_code::task_error:
      return true;
    case wire::error_code::worker_died:
    case wire::error_code::actor_died:
    case wire::error_code::owner_died:
    case wire::error_code::object_lost:
      return options_.deaths;
    case wire::error_code::deadlock:
      return options_.deadlocks;
    case wire::error_code::store_full:
      return options_.disk_bytes != 0;
    default:
      return false;
  }
}

std::uint64_t world::written_to_disk() const {
  std::uint64_t sum = 0;
  for (const auto& one : nodes_) sum += one->disk().written();
  return sum;
}

std::uint32_t world::runs_of(label task) const {
  const auto found = tasks_.find(task);
  return found == tasks_.end() ? 0 : found->second.runs;
}

bool world::go_on_until(const std::function<bool()>& done, const char* what) {
  // Nothing in the protocol waits longer.
  constexpr std::uint64_t patience_ns = 1'000'000'000;
  while (!failed_ && !done()) {
    const bool stepped = time_.step();
    if (on_step) on_step();
    if (stepped && time_.now_ns() < progress_ns_ + patience_ns) continue;
    failed(std::string{what} + (stepped ? ": no progress" : ": nothing will happen any more") +
           "\n" + state());
  }
  return !failed_;
}

bool world::run(std::function<body(context&)> main) {
  for (peer* one : drivers_) one->run_main(main);
  const auto all_ended = [this] {
    return std::ranges::all_of(drivers_, [](const peer* one) { return one->main_ended(); });
  };
  if (!go_on_until(all_ended, "the program hangs")) return false;
  if (!go_on_until([this] { return time_.empty(); }, "the job does not come to rest")) return false;
  check_end();
  return !failed_;
}

void world::check_end() {
  std::string left;
  for (const auto& one : nodes_) one->directory().let_go();
  for (const auto& [id, one] : peers_)
    if (!one->leftovers(may_leave_objects_).empty()) left += one->state();
  for (const auto& one : nodes_)
    if (!one->leftovers(may_leave_objects_).empty()) left += one->state();
  if (!left.empty()) failed("something is left when all is over\n" + left);
}

std::string world::state() const {
  std::string text;
  for (const auto& one : nodes_) text += one->state();
  for (const auto& [id, one] : peers_) text += one->state();
  return text;
}

}  // namespace mobula::sim
