// Every rank a driver: several long-lived owners on each node, and an end that all of them want.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "simulation/random_program.hpp"
#include "wire/codec.hpp"

namespace mobula::sim {
namespace {

constexpr std::uint64_t seeds = 150;

world_options options_of(std::uint64_t seed) {
  world_options options;
  options.seed = seed;
  options.nodes = static_cast<std::uint16_t>(1 + seed % 3);
  options.drivers = static_cast<std::uint32_t>(1 + seed / 3 % 3);
  options.messages.most_ns = std::uint64_t{1000} << seed % 10;
  options.inline_bytes_max = seed % 2 == 0 ? 256 : 100'000;
  return options;
}

TEST(Drivers, RunProgramsOfTheirOwnSideBySide) {
  for (std::uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    world it{options_of(seed)};
    ASSERT_TRUE(run_random_program(it, {.depth = 2, .steps_max = 4}));
  }
}

TEST(Drivers, EndTheJobOnceAllWantIt) {
  for (std::uint64_t seed = 1; seed <= seeds && !testing::Test::HasFailure(); ++seed) {
    world it{options_of(seed)};
    const auto plain = it.define([](context& c) -> body { co_await c.work(1000); });
    ASSERT_TRUE(it.run([&](context& c) -> body {
      std::vector<ref> all;
      for (int i = 0; i < 4; ++i) all.push_back(c.submit({.function = plain}));
      co_await c.get_all(all);
    }));
    std::size_t missing = it.drivers().size();
    for (peer* const one : it.drivers()) {
      it.time().after(it.random()() % 20'000'000, [&missing, one] {
        --missing;
        wire::send(one->out(), one->scheduler(), wire::shutdown{});
      });
    }
    std::size_t finished = 0;
    it.on_step = [&] {
      finished = 0;
      for (std::uint16_t i = 0; i < it.options().nodes; ++i) {
        const core::scheduler& one = it.node_at(i).scheduler();
        EXPECT_TRUE(missing == 0 || !one.shutting_down()) << "a node ends too early";
        EXPECT_EQ(one.exit_status(), 0);
        if (one.finished()) ++finished;
      }
    };
    EXPECT_TRUE(it.go_on_until([&] { return finished == it.options().nodes; }, "the job goes on"));
    EXPECT_TRUE(it.go_on_until([&] { return it.time().empty(); }, "the job does not come to rest"));
    for (const peer* one : it.drivers()) EXPECT_TRUE(one->job_ends());
  }
}

}  // namespace
}  // namespace mobula::sim
