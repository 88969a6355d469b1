#include <gtest/gtest.h>

#include "simulation/world.hpp"

namespace mobula::sim {
namespace {

TEST(Simulation, RunsATaskAndItsDependent) {
  world it{{}};
  const auto plain = it.define([](context&) -> body { co_return; });
  EXPECT_TRUE(it.run([&](context& c) -> body {
    auto a = c.submit({.function = plain});
    auto b = c.submit({.function = plain, .given = {a}});
    a.drop();
    const auto got = co_await c.get(b);
    EXPECT_FALSE(got.error);
  }));
  EXPECT_EQ(it.tasks_begun(), 2U);
}

}  // namespace
}  // namespace mobula::sim
