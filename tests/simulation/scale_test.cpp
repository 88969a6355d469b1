// A large world, once.

#include <gtest/gtest.h>

#include <vector>

#include "simulation/world.hpp"

namespace mobula::sim {
namespace {

TEST(Scale, AThousandNodesRunAHundredThousandTasks) {
  world_options options{.seed = 7, .nodes = 1000, .cpus = 2};
  options.store_bytes = 4096;
  world it{options};
  constexpr std::uint64_t parents = 1000, children = 99;
  const auto leaf = it.define([](context& c) -> body { co_await c.work(20'000); });
  const auto parent = it.define([leaf](context& c) -> body {
    std::vector<ref> all;
    for (std::uint64_t i = 0; i < children; ++i) all.push_back(c.submit({.function = leaf}));
    co_await c.get_all(std::move(all));
  });
  EXPECT_TRUE(it.run([&](context& c) -> body {
    std::vector<ref> all;
    for (std::uint64_t i = 0; i < parents; ++i) all.push_back(c.submit({.function = parent}));
    for (const read_value& value : co_await c.get_all(std::move(all))) EXPECT_FALSE(value.error);
  }));
  EXPECT_EQ(it.tasks_begun(), parents * (children + 1));
}

}  // namespace
}  // namespace mobula::sim
