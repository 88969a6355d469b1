#include "simulation/context.hpp"

#include <algorithm>
#include <cstring>

#include "core/errors.hpp"
#include "simulation/peer.hpp"
#include "simulation/strand.hpp"
#include "simulation/world.hpp"

namespace mobula::sim {

ref::ref(const ref& other)
    : home_{other.home_}, record_{other.record_}, expected_{other.expected_} {
  if (record_) home_->owner().objects().hold(*record_);
}

ref::~ref() {
  if (record_) home_->owner().objects().drop(*record_);
}

wire::object_id ref::id() const { return record_->id; }

template <class Result>
void awaitable<Result>::await_suspend(std::coroutine_handle<>) {
  of_.set_step(std::move(step_));
}
template class awaitable<ref>;
template class awaitable<read_value>;
template class awaitable<std::vector<read_value>>;
template class awaitable<std::vector<bool>>;
template class awaitable<bool>;

namespace {

std::vector<core::object*> records_of(const std::vector<ref>& refs) {
  std::vector<core::object*> records;
  for (const ref& one : refs) records.push_back(&one.record());
  return records;
}

/// A call as the owner takes it.
struct prepared {
  prepared(const call& what, const plain_arguments& arguments)
      : bytes{arguments.encoded()}, inside{records_of(what.nested)} {
    for (std::uint32_t i = 0; i < what.given.size(); ++i)
      given.push_back({i, &what.given[i].record()});
    spec.function.offset = what.function;
    spec.result_count = what.results;
    spec.max_concurrency = what.concurrency;
    spec.arguments = bytes;
    spec.contains = inside;
    spec.refs = given;
  }
  std::vector<std::byte> bytes;
  std::vector<core::object*> inside;
  std::vector<core::parameter> given;
  core::task_spec spec;
};

read_value deadlocked() { return {wire::error_code::deadlock, {}, {}}; }

plain_arguments arguments_of(const call& what, label task) {
  plain_arguments arguments;
  arguments.task = task;
  arguments.seed = what.seed;
  arguments.depth = what.depth;
  arguments.demand = what.demand;
  for (const ref& one : what.given) arguments.given.push_back(one.expected());
  for (const ref& one : what.nested) arguments.refs.push_back(one.written());
  return arguments;
}

}  // namespace

std::vector<ref> context::submit_split(call what) {
  peer& home = of_.home();
  const label task = home.where().new_task(what.demand);
  const prepared ready{what, arguments_of(what, task)};
  core::object& first =
      home.owner().submit(ready.spec, home.owner().shape_for(home.where().demands.at(what.demand)));
  std::vector<ref> made;
  for (std::uint32_t i = 0; i < what.results; ++i)
    made.emplace_back(home, home.owner().objects().result(first, i), result_label(task, i));
  return made;
}

ref context::create_actor(call what) {
  peer& home = of_.home();
  if (what.demand == world::one_cpu) what.demand = world::default_actor;
  const label task = home.where().new_task(what.demand);
  const prepared ready{what, arguments_of(what, task)};
  return {home,
          home.owner().create_actor(ready.spec,
                                    home.owner().shape_for(home.where().demands.at(what.demand))),
          0};
}

ref context::call_actor(const ref& actor, call what) {
  peer& home = of_.home();
  const label task = home.where().new_task(what.demand);
  plain_arguments arguments = arguments_of(what, task);
  arguments.caller = wire::mix(of_.caller.number * 0x9e3779b97f4a7c15U ^ home.self().bits());
  arguments.caller_number = home.next_call(of_.caller.number, actor.id());
  const prepared ready{what, arguments};
  return {home, home.owner().call_actor(actor.record(), of_.caller, ready.spec),
          result_label(task, 0)};
}

ref context::put(std::vector<ref> inside) {
  peer& home = of_.home();
  plain_value value;
  value.is = home.where().new_put(inside.empty());
  for (const ref& one : inside) value.refs.push_back(one.written());
  const auto bytes = value.encoded();
  wire::value_view view;
  view.bytes = bytes;
  return {home, home.owner().put(view, records_of(inside)), value.is};
}

awaitable<ref> context::put_stored(std::size_t filler_bytes, std::vector<ref> inside) {
  struct state {
    ref made;
    std::vector<ref> inside;
    std::vector<std::byte> bytes;
  };
  peer& home = of_.home();
  auto it = std::make_shared<state>();
  plain_value value;
  value.is = home.where().new_put(inside.empty());
  value.filler_bytes = filler_bytes;
  for (const ref& one : inside) value.refs.push_back(one.written());
  it->bytes = value.encoded();
  it->made = {home, home.owner().promise(), value.is};
  it->inside = std::move(inside);
  return {of_,
          [this, it] {
            wire::value_view view;
            if (of_.take_refusal()) {
              const auto error = core::encoded(core::make_error(
                  wire::error_code::store_full, of_.home().self(), "there was no room"));
              view.kind = wire::value_kind::failed;
              view.bytes = error;
              of_.home().owner().fulfil(it->made.record(), view, {});
              it->inside.clear();
              return true;
            }
            if (!of_.allocate(it->made.id(), it->bytes.size())) return false;
            view.kind = wire::value_kind::stored;
            view.where = of_.room();
            of_.forget_room();
            peer& here = of_.home();
            const auto memory = here.where().node_at(here.self().node()).memory().bytes(view.where);
            std::memcpy(memory->data(), it->bytes.data(), it->bytes.size());
            here.owner().fulfil(it->made.record(), view, records_of(it->inside));
            it->inside.clear();
            return true;
          },
          [it] { return std::move(it->made); }};
}

awaitable<std::vector<read_value>> context::get_all(std::vector<ref> wanted) {
  struct state {
    std::vector<ref> refs;
    std::vector<read_value> values;
  };
  auto it = std::make_shared<state>();
  it->refs = std::move(wanted);
  return {of_,
          [this, it] {
            if (!of_.are_ready(it->refs, it->refs.size())) return false;
            if (of_.take_failure()) it->values.assign(it->refs.size(), deadlocked());
            while (it->values.size() < it->refs.size()) {
              const ref& next = it->refs[it->values.size()];
              if (!of_.bring(next)) return false;
              it->values.push_back(of_.read(next));
            }
            return true;
          },
          [it] { return std::move(it->values); }};
}

awaitable<read_value> context::get(ref one) {
  auto wanted = std::make_shared<ref>(std::move(one));
  auto got = std::make_shared<read_value>();
  return {of_,
          [this, wanted, got] {
            if (!of_.are_ready({*wanted}, 1)) return false;
            if (of_.take_failure()) {
              *got = deadlocked();
              return true;
            }
            if (!of_.bring(*wanted)) return false;
            *got = of_.read(*wanted);
            return true;
          },
          [got] { return std::move(*got); }};
}

awaitable<std::vector<bool>> context::wait(std::vector<ref> wanted, std::size_t count) {
  auto all = std::make_shared<std::vector<ref>>(std::move(wanted));
  return {of_,
          [this, all, count] {
            if (!of_.are_ready(*all, count)) return false;
            if (of_.take_failure()) fails = true;
            return true;
          },
          [all] {
            std::vector<bool> ready;
            for (const ref& one : *all) ready.push_back(one.record().ready());
            return ready;
          }};
}

awaitable<bool> context::work(std::uint64_t ns) {
  auto begun = std::make_shared<bool>(false);
  return {of_,
          [this, ns, begun] {
            if (std::exchange(*begun, true)) return true;
            world& where = of_.home().where();
            where.progressed(where.time().now_ns() + ns);
            of_.stay();
            where.time().after(ns, [&where, process = of_.home().self(), number = of_.number()] {
              if (peer* home = where.find(process)) home->resume_in_place(number);
            });
            return false;
          },
          [] { return true; }};
}

std::shared_ptr<void>& context::instance() { return of_.home().instance(); }
wire::process_id context::process() const { return of_.home().self(); }
std::uint64_t context::now_ns() const { return of_.home().where().time().now_ns(); }

}  // namespace mobula::sim
