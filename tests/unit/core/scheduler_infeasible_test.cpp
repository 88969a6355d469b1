#include <string>

#include "core/scheduler_fixture.hpp"

// What no node can ever do: refused in words, or kept.

namespace mobula::core {
namespace {

class SchedulerInfeasible : public Scheduler {
 protected:
  std::string refusal() {
    const auto refused = out_.take<wire::lease_refuse>();
    EXPECT_TRUE(refused);
    if (!refused) return {};
    wire::reader in{refused->error};
    return wire::decode_part<wire::error_value>(in).what;
  }
  static bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }
  void make_patient(std::vector<node_totals> nodes) {
    scheduler_limits limits;
    limits.wait_infeasible = true;
    make(std::move(nodes), limits);
    scheduler_->on_infeasible = [this](const std::string& why) { warnings_.push_back(why); };
  }
  std::vector<std::string> warnings_;
};

wire::resource_amounts with(double cpu_count, const std::string& name, double count) {
  wire::resource_amounts amounts = cpus(cpu_count);
  amounts.custom = {{name, static_cast<std::int64_t>(count * one_cpu)}};
  return amounts;
}

TEST_F(SchedulerInfeasible, SaysSoWhereOnlyTheSumOfSeatsWouldFit) {
  make({{"alpha", {cpus(7)}}, {"beta", {cpus(4), cpus(4)}}});
  ask(driver, 1, cpus(8));
  const std::string text = refusal();
  EXPECT_TRUE(has(text, "nearest is node 1 (beta) with {cpus: 8} in all")) << text;
  EXPECT_TRUE(has(text, "only the shares of its 2 ranks together")) << text;
}

TEST_F(SchedulerInfeasible, NamesTheResourceThatIsMostLikeAnUnknownOne) {
  make({{"alpha", {with(4, "ssd", 1)}}, {"beta", {with(4, "licence", 3)}}});
  ask(driver, 1, with(1, "sdd", 1));
  const std::string text = refusal();
  EXPECT_TRUE(has(text, "No node has any \"sdd\" at all; of what there is \"ssd\" is most like it"))
      << text;
  ask(driver, 2, with(1, "ssd", 2));
  EXPECT_FALSE(has(refusal(), "most like"));
}

TEST_F(SchedulerInfeasible, CountsFractionsOfCustomResourcesToATenThousandth) {
  make({{"alpha", {with(4, "ssd", 1)}}});
  ask(driver, 1, with(0, "ssd", 0.3333), 4);
  for (int i = 0; i < 3; ++i) grant();
  EXPECT_TRUE(nothing_granted());
  ask(driver, 2, with(0, "ssd", 0.0002));
  EXPECT_TRUE(nothing_granted()) << "only a ten-thousandth is left";
  EXPECT_EQ(scheduler_->books().free().custom[0].second, 1);
}

TEST_F(SchedulerInfeasible, WaitsWhereThatWasAskedForAndWarnsOnceForEachShape) {
  make_patient({{"alpha", {cpus(4)}}});
  ask(driver, 1, cpus(8));
  ask(other_owner, 1, cpus(8), 3);
  ask(driver, 2, cpus(9));
  EXPECT_EQ(out_.count<wire::lease_refuse>(), 0U);
  EXPECT_EQ(scheduler_->infeasible_count(), 5U);
  ASSERT_EQ(warnings_.size(), 2U);
  EXPECT_TRUE(has(warnings_[0], "{cpus: 8}")) << warnings_[0];
  EXPECT_TRUE(has(warnings_[1], "{cpus: 9}")) << warnings_[1];
  // It is in nobody's way, and nothing is to be done for it.
  ask(driver, 3, cpus(4));
  give_back(grant());
  EXPECT_EQ(scheduler_->waiting_count(), 0U);
  EXPECT_EQ(scheduler_->next_deadline_ns(), never);
}

TEST_F(SchedulerInfeasible, StopsWaitingWhenItsOwnerWantsItNoMoreOrHasEnded) {
  make_patient({{"alpha", {cpus(4)}}, {"beta", {cpus(4)}}});
  ask(driver, 1, cpus(8), 2);
  receive(driver, wire::lease_update{driver, 1, 1});
  EXPECT_EQ(scheduler_->infeasible_count(), 1U);
  receive(driver, wire::lease_update{driver, 1, 0});
  EXPECT_EQ(scheduler_->infeasible_count(), 0U);
  EXPECT_EQ(out_.count<wire::lease_queued>(), 0U);
  ask({1, 5}, 1, cpus(8));
  receive(process_id::scheduler_of(1), wire::process_ended{{process_id{1, 5}}});
  EXPECT_EQ(scheduler_->infeasible_count(), 0U);
  ask(driver, 2, cpus(8));
  receive(driver, wire::shutdown{0});
  EXPECT_EQ(scheduler_->infeasible_count(), 0U);
}

// It came from a node that had room once, and has lost it since.
TEST_F(SchedulerInfeasible, TellsAnOwnerElsewhereWhereItWaits) {
  make_patient({{"alpha", {cpus(4)}}, {"beta", {cpus(8)}}});
  auto request = request_of({1, 5}, 7, cpus(9));
  request.hops = 1;
  receive(process_id::scheduler_of(1), request);
  const auto queued = out_.take<wire::lease_queued>();
  ASSERT_TRUE(queued);
  EXPECT_EQ(queued->request, 7U);
  EXPECT_EQ(queued->count, 1U);
}

// Whoever looks for deadlocks hears that it can go on: it was asked to wait.
TEST_F(SchedulerInfeasible, IsNoDeadlock) {
  make_patient({{"alpha", {cpus(4)}}});
  ask(driver, 1, cpus(8));
  wire::wait_query query;
  query.token = 3;
  query.about = {.kind = wire::wait_kind::request,
                 .asked = process_id::scheduler_of(0),
                 .by = driver,
                 .number = 1,
                 .demand = cpus(8)};
  receive(driver, query);
  const auto reply = out_.take<wire::wait_reply>();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->needed, 0U);
  EXPECT_TRUE(reply->on.empty());
}

}  // namespace
}  // namespace mobula::core
