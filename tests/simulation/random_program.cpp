#include "simulation/random_program.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace mobula::sim {
namespace {

/// The functions of random programs, and the dice of one body.
struct program {
  explicit program(world& of, program_size limits) : where{of}, size{limits} {
    leaf = where.define([this](context& c) { return run_leaf(c); });
    general = where.define([this](context& c) { return run_general(c); });
    construct = where.define([this](context& c) { return run_construct(c); });
    method = where.define([this](context& c) { return run_method(c); });
    if (of.options().cpus >= 2) demands.push_back(of.add_demand(wire::lease_kind::task, 2));
    demands.push_back(of.add_demand(wire::lease_kind::task, 0.5));
    demands.push_back(of.add_demand(wire::lease_kind::task, 0));
    if (of.options().gpus >= 1) gpu = of.add_demand(wire::lease_kind::task, 1, 0.5);
  }

  body run_leaf(context& c);
  body run_general(context& c);
  body run_construct(context& c);
  body run_method(context& c);

  world& where;
  program_size size;
  std::size_t leaf = 0, general = 0, construct = 0, method = 0;
  std::vector<std::uint32_t> demands{world::one_cpu};
  std::uint32_t gpu = world::one_cpu;
};

/// What a body has in its hands, and its dice.
class hands {
 public:
  hands(program& of, context& c) : of_{of}, c_{c}, dice_{c.seed} {
    for (ref& one : c.refs) take(std::move(one));
    for (read_value& value : c.values) take(std::move(value));
    c.refs.clear();
    c.values.clear();
  }

  std::uint64_t below(std::uint64_t bound) { return dice_() % bound; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }
  void take(ref one) { (one.expected() == 0 ? actors_ : objects_).push_back(std::move(one)); }
  void take(read_value value) {
    for (ref& one : value.refs) take(std::move(one));
  }

  std::vector<ref> some(const std::vector<ref>& from, std::size_t most) {
    std::vector<ref> chosen;
    if (from.empty()) return chosen;
    for (std::size_t i = below(most + 1); i != 0; --i) {
      const ref& one = from[below(from.size())];
      const bool there = std::ranges::any_of(
          chosen, [&](const ref& other) { return &other.record() == &one.record(); });
      if (!there) chosen.push_back(one);
    }
    return chosen;
  }
  std::vector<ref> some_objects(std::size_t most) { return some(objects_, most); }
  std::vector<ref> some_of_all(std::size_t most) {
    std::vector<ref> chosen = some(objects_, most);
    for (ref& one : some(actors_, 1)) chosen.push_back(std::move(one));
    return chosen;
  }
  std::vector<ref> plain_ones() {
    std::vector<ref> found;
    for (const ref& one : objects_)
      if ((one.expected() & plain_bit) != 0) found.push_back(one);
    return found;
  }

  std::uint32_t demand() { return of_.demands[below(of_.demands.size())]; }
  call task(std::size_t function, std::int32_t depth) {
    call made;
    made.function = function;
    made.seed = dice_();
    made.depth = depth;
    made.demand = one_in(3) ? demand() : world::one_cpu;
    return made;
  }

  /// Submits something that is allowed at this depth.
  void submit() {
    const bool nests = c_.depth > 0 && !one_in(3);
    call made = task(nests ? of_.general : of_.leaf, c_.depth - 1);
    if (!nests && of_.gpu != world::one_cpu && one_in(4)) made.demand = of_.gpu;
    made.given = some_objects(3);
    made.nested = some_of_all(2);
    made.results = one_in(4) ? 1 + static_cast<std::uint32_t>(below(4)) : 1;
    for (ref& one : c_.submit_split(std::move(made))) take(std::move(one));
  }
  /// A fan, and the task that takes all of it.
  void diamond() {
    std::vector<ref> fan;
    for (std::uint64_t i = 2 + below(3); i != 0; --i) {
      call one = task(of_.leaf, 0);
      one.given = some_objects(1);
      fan.push_back(c_.submit(std::move(one)));
    }
    call joins = task(of_.leaf, 0);
    joins.given = std::move(fan);
    take(c_.submit(std::move(joins)));
  }
  void chain() {
    ref last = c_.submit(task(of_.leaf, 0));
    for (std::uint64_t i = 1 + below(4); i != 0; --i) {
      call next = task(of_.leaf, 0);
      (one_in(2) ? next.given : next.nested).push_back(std::move(last));
      last = c_.submit(std::move(next));
    }
    take(std::move(last));
  }
  void make_actor() {
    call made = task(of_.construct, 0);
    made.demand = world::one_cpu;  // an actor's default
    made.given = one_in(2) ? some_objects(1) : std::vector<ref>{};
    made.nested = some_objects(1);
    made.concurrency = one_in(3) ? 3 : 1;
    take(c_.create_actor(std::move(made)));
  }
  void call_actor() {
    if (actors_.empty()) return make_actor();
    const ref actor = actors_[below(actors_.size())];
    for (std::uint64_t i = 1 + below(3); i != 0; --i) {
      call made = task(of_.method, 0);
      made.given = some_objects(2);
      made.nested = some_of_all(1);
      take(c_.call_actor(actor, std::move(made)));
    }
  }
  void drop_some() {
    std::erase_if(objects_, [&](const ref&) { return one_in(2); });
    std::erase_if(actors_, [&](const ref&) { return one_in(4); });
  }
  void put() { take(c_.put(one_in(2) ? std::vector<ref>{} : some_of_all(2))); }

  void leave_results(std::uint64_t refs_most) {
    for (std::uint64_t i = 0; i < 4; ++i) {
      context::result& result = c_.results.emplace_back();
      if (refs_most != 0) result.refs = some_of_all(refs_most);
      if (one_in(5)) result.filler_bytes = below(2000);
    }
    if (of_.size.failures && one_in(40)) c_.fails = true;
  }

 private:
  program& of_;
  context& c_;
  std::mt19937_64 dice_;
  std::vector<ref> objects_;
  std::vector<ref> actors_;
};

// Waits for nobody.
body program::run_leaf(context& c) {
  hands own{*this, c};
  if (own.one_in(2)) co_await c.work(own.below(own.one_in(10) ? 1'000'000 : 30'000));
  own.leave_results(1);
}

body program::run_general(context& c) {
  hands own{*this, c};
  for (std::uint64_t steps = 1 + own.below(size.steps_max); steps != 0; --steps) {
    switch (own.below(12)) {
      case 0:
      case 1:
        own.submit();
        break;
      case 2:
        own.one_in(2) ? own.diamond() : own.chain();
        break;
      case 3:
        own.put();
        break;
      case 4: {
        auto inside = own.some_objects(1);
        own.take(co_await c.put_stored(300 + own.below(3000), std::move(inside)));
        break;
      }
      case 5:
      case 6:
        for (read_value& value : co_await c.get_all(own.some_objects(3)))
          own.take(std::move(value));
        break;
      case 7: {
        auto wanted = own.some_objects(4);
        if (wanted.empty()) break;
        const std::size_t count = 1 + own.below(wanted.size());
        const auto ready = co_await c.wait(std::move(wanted), count);
        if (static_cast<std::size_t>(std::ranges::count(ready, true)) < count)
          where.failed("wait came back too early");
        break;
      }
      case 8:
      case 9:
        if (c.depth > 0) own.call_actor();
        break;
      case 10:
        co_await c.work(own.below(50'000));
        break;
      case 11:
        own.drop_some();
        break;
    }
  }
  own.leave_results(2);
}

body program::run_construct(context& c) {
  hands own{*this, c};
  // What has no refs inside is kept: an actor that held itself would never end.
  c.instance() = std::make_shared<std::vector<ref>>(own.plain_ones());
  if (own.one_in(3)) co_await c.work(own.below(30'000));
  if (size.failures && own.one_in(30)) {
    c.instance().reset();
    c.fails = true;
  }
}

body program::run_method(context& c) {
  hands own{*this, c};
  auto& kept = *static_cast<std::vector<ref>*>(c.instance().get());
  if (own.one_in(3)) kept = own.plain_ones();
  if (own.one_in(3)) {
    // The nested task must not wait for an argument that waits for this actor.
    call nested = own.task(leaf, 0);
    nested.given = own.some(kept, 2);
    const ref made = c.submit(std::move(nested));
    own.take(co_await c.get(made));
  }
  if (own.one_in(3)) co_await c.work(own.below(30'000));
  own.leave_results(1);
}

}  // namespace

bool run_random_program(world& where, program_size size) {
  program of{where, size};
  return where.run([&](context& c) -> body {
    hands own{of, c};
    c.depth = size.depth;
    for (std::uint64_t rounds = 1 + own.below(3); rounds != 0; --rounds) {
      for (std::uint64_t steps = 1 + own.below(size.steps_max); steps != 0; --steps) {
        own.submit();
        if (own.one_in(3)) own.call_actor();
        if (own.one_in(3)) own.put();
      }
      for (read_value& value : co_await c.get_all(own.some_objects(20))) own.take(std::move(value));
      if (own.one_in(2)) own.drop_some();
    }
  });
}

}  // namespace mobula::sim
