#include "simulation/node.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "core/errors.hpp"
#include "simulation/world.hpp"
#include "wire/codec.hpp"

namespace mobula::sim {

using wire::location;
using wire::process_id;

namespace {

core::scheduler_limits limits_of(const world_options& options, wire::node_id id) {
  core::scheduler_limits limits = options.scheduler;
  limits.seed = wire::mix(options.seed + id) | 1;
  return limits;
}

core::directory::limits directory_limits() {
  core::directory::limits limits;
  // What is small here is large elsewhere.
  limits.fetch.whole_bytes = 300;
  limits.fetch.part_bytes = 500;
  limits.fetch.chunk_bytes = 400;
  limits.line.patience_ns = 100'000'000;
  limits.line.patience_to_begin_ns = 200'000'000;
  limits.line.look_again_ns = 1'000'000;
  limits.evictor.grace_ns = 500'000;
  limits.evictor.retry_ns = 10'000'000;
  return limits;
}

// A place is all that a pin tells.
bool is_same_place(const location& one, const location& other) {
  return one.extent == other.extent && one.offset == other.offset;
}

}  // namespace

// ---- what processes read

void node_pins::look() {
  ++looks_;
  seen_.clear();
  for (const auto& [whose, place] : now_) seen_.push_back(place);
}

bool node_pins::is_pinned(const location& block) const {
  return std::ranges::any_of(seen_, [&](const location& one) { return is_same_place(one, block); });
}

node_pins::lookup node_pins::readers() const {
  return [this](const location& block) {
    std::vector<process_id> all;
    for (const auto& [whose, place] : now_)
      if (is_same_place(place, block)) all.push_back(whose.first);
    return all;
  };
}

core::argument_pins::answer node_pins::pin(process_id by, const location& place,
                                           std::uint64_t as_of) {
  if (as_of != looks_) return {};
  now_[{by, ++last_}] = place;
  return {last_, false};
}

void node_pins::unpin(process_id by, std::uint32_t number) {
  if (now_.erase({by, number}) != 1) ADD_FAILURE() << "a pin is taken out twice";
}

void node_pins::forget(process_id ended) {
  std::erase_if(now_, [ended](const auto& one) { return one.first.first == ended; });
}

// ---- its disk

node_disk::node_disk(world& where, node& whose, std::size_t bytes)
    : world_{where}, node_{whose}, disk_{bytes} {}

void node_disk::write(std::uint64_t token, range into, std::span<const std::byte> from) {
  ++written_;
  disk_.write(token, into, from);
  end_later(token);
}

void node_disk::read(std::uint64_t token, range from, std::uint64_t offset,
                     std::span<std::byte> into) {
  disk_.read(token, from, offset, into);
  end_later(token);
}

void node_disk::end_later(std::uint64_t token) {
  world_.time().after(20'000 + world_.random()() % 3'000'000, [this, token] {
    disk_.finish_token(token);
    node_.directory().on_disk(token, {});
    node_.settle();
  });
}

// ---- its reads of others

node_rma::node_rma(world& where, node& whose, wire::node_id self, core::memory_block_store& memory)
    : world_{where}, node_{whose}, rma_{self, memory, [&where](wire::node_id from) {
                                          return &where.node_at(from).rma();
                                        }} {
  rma_.refuses = [&where] { return where.random()() % 20 == 0; };
}

bool node_rma::start(const read& how) {
  if (!rma_.start(how)) return false;
  world_.time().after(5'000 + world_.random()() % 500'000,
                      [this, token = how.token, offset = how.offset] {
                        const bool succeeded = rma_.finish(token, offset);
                        node_.directory().on_remote_read(token, offset, succeeded);
                        node_.settle();
                      });
  return true;
}

// ---- the node

node::node(world& where, wire::node_id id, std::vector<core::node_totals> totals)
    : world_{where},
      self_{process_id::scheduler_of(id)},
      out_{where.net().join(self_, *this)},
      memory_{id, where.options().store_bytes},
      disk_{where, *this, where.options().disk_bytes},
      rma_{where, *this, id, memory_},
      directory_{id, where.options().nodes,
                 core::directory::parts{memory_, out_, where.options().rma ? &rma_ : nullptr,
                                        &pins_, where.options().disk_bytes != 0 ? &disk_ : nullptr},
                 directory_limits()},
      scheduler_{id, std::move(totals), *this, out_, limits_of(where.options(), id)},
      tick_{where.time(), [this] { tick(); }} {}

void node::settle() {
  directory_.flush();
  plan_tick();
}

void node::on_message(process_id from, wire::blob message) {
  world_.trace(from, self_, message);
  directory_.tick(world_.time().now_ns());
  if (directory_.on_message(from, message)) return settle();
  if (wire::type_of(message) == wire::message_type::process_ended) {
    // Acted on once nothing of them is on its way.
    if (const auto told = wire::decode<wire::process_ended>(message)) {
      for (const process_id ended : told->processes) world_.net().told_of_end(self_, ended);
    }
  }
  scheduler_.on_message(from, message);
  settle();
}

void node::on_closed(process_id ended) {
  pins_.forget(ended);
  directory_.on_process_ended(ended);
  if (const auto found = dying_.extract(ended)) {
    const auto& last = found.mapped();
    scheduler_.worker_ended(ended, last.cause, last.begun, last.cause == "ended");
  }
  settle();
}

void node::worker_died(process_id process, std::string cause,
                       std::vector<core::begun_entry> begun) {
  dying_[process] = {std::move(cause), std::move(begun)};
  world_.time().after(world_.random()() % 500'000,
                      [this, process] { world_.net().told_of_end(self_, process); });
}

void node::start_worker(process_id process, const core::process_set&) {
  world_.time().after(100'000 + world_.random()() % 2'000'000, [this, process] {
    world_.start(process);
    scheduler_.worker_joined(process);
    plan_tick();
  });
}

void node::end_worker(process_id process) {
  world_.time().after(0, [this, process] { world_.kill(process, "ended by its scheduler"); });
}

void node::plan_tick() {
  tick_.set(std::min(scheduler_.next_deadline_ns(), directory_.next_deadline_ns()));
}

void node::tick() {
  scheduler_.tick(world_.time().now_ns());
  directory_.tick(world_.time().now_ns());
  settle();
}

std::string node::leftovers(bool objects_may_stay) const {
  std::ostringstream text;
  const auto say = [&](const char* what, std::uint64_t count) {
    if (count != 0) text << ' ' << what << ' ' << count;
  };
  say("requests", scheduler_.waiting_count());
  say("dropped messages", scheduler_.dropped());
  say("fetches", directory_.fetches());
  say("pins of other nodes", directory_.pins());
  const core::seat_books& books = scheduler_.books();
  if (!(books.free() == books.total())) text << " booked resources";
  for (std::uint32_t i = 0; i < books.cores_of(0).size(); ++i)
    say("a booked core", books.cores_of(0).is_free({{i, wire::resource_amounts::unit}}) ? 0 : 1);
  if (objects_may_stay) return text.str();
  say("leases", scheduler_.lease_count());
  say("copies", directory_.copies());
  say("bytes", directory_.bytes_in_use());
  say("blocks", memory_.blocks());
  say("pins", pins_.size());
  say("bytes on disk", directory_.bytes_on_disk());
  say("ranges on disk", disk_.ranges());
  return text.str();
}

std::string node::state() const {
  std::ostringstream text;
  text << core::name_of(self_) << ':' << leftovers() << " workers " << scheduler_.worker_count()
       << " free cpus " << scheduler_.books().free().cpus << '\n';
  return text.str();
}

}  // namespace mobula::sim
