#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "job/job.hpp"
#include "seed.hpp"

// Tasks of random demands tell when they ran: what ran at once never had more than a node's totals.

namespace mobula::job {
namespace {

using interval = std::tuple<std::uint32_t, std::int64_t, std::int64_t>;  // node, from, to

std::int64_t clock_ns() {
  return std::chrono::nanoseconds{std::chrono::steady_clock::now().time_since_epoch()}.count();
}

interval spin(int microseconds) {
  const std::int64_t begin = clock_ns();
  while (clock_ns() < begin + std::int64_t{1'000} * microseconds) {
  }
  return {context().node, begin, clock_ns()};
}

struct demand {
  double cpus, gpus, custom, memory;
};

struct change {
  std::int64_t at_ns;
  int sign;  // what ends comes before what begins at the same time
  const demand* of;
};

void expect_within(const std::map<std::string, double>& total, std::vector<change>& all) {
  std::ranges::sort(all, [](const change& a, const change& b) {
    return std::tie(a.at_ns, a.sign) < std::tie(b.at_ns, b.sign);
  });
  demand used{};
  constexpr double rounding = 1e-6;
  const auto within = [&](const char* name, double amount) {
    EXPECT_LE(amount, total.at(name) + rounding) << name;
  };
  for (const change& one : all) {
    used.cpus += one.sign * one.of->cpus;
    used.gpus += one.sign * one.of->gpus;
    used.custom += one.sign * one.of->custom;
    used.memory += one.sign * one.of->memory;
    within("cpus", used.cpus);
    within("gpus", used.gpus);
    within("Custom", used.custom);
    within("memory", used.memory);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Totals, AreNeverExceededByWhatRunsAtOnce) {
  constexpr std::size_t count = 300;
  std::mt19937_64 random{test_seed()};
  const auto all_nodes = nodes();
  const double gpus = all_nodes.at(0).resources.at("gpus");
  const auto one_of = [&](std::vector<double> choices) {
    return choices[random() % choices.size()];
  };
  std::vector<demand> demands;
  std::vector<object_ref<interval>> refs;
  for (std::size_t i = 0; i < count; ++i) {
    const demand one{one_of({0, 0.5, 1, 1, 1, 2, 3, 8}), one_of({0, 0, 0, 0, 0.25, 0.5, 1, gpus}),
                     one_of({0, 0, 0, 0.3, 0.7, 2}), one_of({0, 0, 4e8})};
    demands.push_back(one);
    const auto recorded = remote<spin>.with({.cpus = one.cpus,
                                             .gpus = one.gpus,
                                             .memory_bytes = one.memory,
                                             .resources = {{"Custom", one.custom}}});
    refs.push_back(recorded(static_cast<int>(random() % 500)));
  }
  std::vector<std::vector<change>> by_node(all_nodes.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto [node, begin, end] = got(refs[i]);
    by_node.at(node).push_back({begin, 1, &demands[i]});
    by_node.at(node).push_back({end, -1, &demands[i]});
  }
  for (std::size_t node = 0; node < by_node.size(); ++node)
    expect_within(all_nodes[node].resources, by_node[node]);
  EXPECT_TRUE(all_is_free());
}

// Under MOBULA_WAIT_INFEASIBLE=1. The job's end drops it.
TEST(WaitInfeasible, WhatNoNodeHasWaitsAndHoldsUpNobody) {
  const auto never = remote<same>.with({.gpus = 1000})(1);
  EXPECT_EQ(got(remote<same>(2)), 2);
  EXPECT_THROW(get(never, 200ms), timed_out);
  const auto later = remote<plus>(never, 1);
  EXPECT_THROW(get(later, 10ms), timed_out);
  EXPECT_TRUE(all_is_free());
}

TEST(BadInput, EachIsASentence) {
  const auto text_of = [](const auto& submit) {
    try {
      submit();
    } catch (const std::exception& refused) {
      return std::string{refused.what()};
    }
    return std::string{};
  };
  const double not_a_number = std::nan("");
  for (const double bad : {-1.0, -1e-9, not_a_number, 1e300}) {
    for (const task_options& options :
         {task_options{.cpus = bad}, task_options{.gpus = bad}, task_options{.memory_bytes = bad},
          task_options{.resources = {{"Custom", bad}}}}) {
      const auto text = text_of([&] { static_cast<void>(remote<same>.with(options)(1)); });
      EXPECT_GT(text.size(), 20U) << bad << ": " << text;
    }
  }
  const auto unknown = text_of([] { get(remote<same>.with({.resources = {{"Custum", 1}}})(1)); });
  EXPECT_NE(unknown.find("\"Custom\" is most like it"), std::string::npos) << unknown;
  const auto too_much = text_of([] { get(remote<same>.with({.resources = {{"Custom", 3}}})(1)); });
  EXPECT_NE(too_much.find("nearest is node"), std::string::npos) << too_much;
}

}  // namespace
}  // namespace mobula::job
