#include "core/placement_groups.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "core/sent_messages.hpp"

// What the driver's scheduler does about groups, with three nodes of two cpus each that a test
// plays.

namespace mobula::core {
namespace {

using wire::group_id;
using wire::group_strategy;
using wire::lease_id;
using wire::process_id;

constexpr std::int64_t unit = wire::resource_amounts::unit;
const process_id maker{0, 1};
const process_id user{1, 7};

wire::resource_amounts cpus(double count) {
  wire::resource_amounts amounts;
  amounts.cpus = static_cast<std::int64_t>(count * unit);
  return amounts;
}

wire::object_id ready_of(group_id group) { return {group.owner(), 70 + group.sequence()}; }

class PlacementGroups : public testing::Test {
 protected:
  PlacementGroups()
      : peers_{0, {{"a", {cpus(2)}}, {"b", {cpus(2)}}, {"c", {cpus(2)}}}, 1},
        groups_{peers_, ended_, out_, {}} {
    groups_.own_room = [this] {
      return std::vector<plan_room>{{0, cpus(2), own_free_, device_books{}, 0}};
    };
    groups_.tick(now_);
  }

  template <class Message>
  void receive(process_id from, const Message& message) {
    const auto bytes = encoded(message);
    EXPECT_TRUE(groups_.on_message(from, bytes));
  }
  group_id make(group_strategy how, std::vector<wire::resource_amounts> bundles) {
    const group_id id{maker, ++made_};
    receive(maker, wire::group_create{id, ready_of(id), how, std::move(bundles)});
    return id;
  }

  struct bundle_asked {
    wire::lease_request request;
    wire::node_id node = 0;
  };
  /// What is asked of nodes.
  std::vector<bundle_asked> bundle_requests() {
    std::vector<bundle_asked> all;
    process_id to;
    while (auto one = out_.take<wire::lease_request>(&to)) all.push_back({*one, to.node()});
    return all;
  }
  void grant(const bundle_asked& one) {
    receive(process_id::scheduler_of(one.node),
            wire::lease_grant{one.request.request,
                              {process_id::scheduler_of(one.node), 100 + one.request.request},
                              {}});
  }
  void refuse(const bundle_asked& one) {
    receive(process_id::scheduler_of(one.node), wire::lease_refuse{one.request.request, 1, {}});
  }
  void grant_all() {
    for (const bundle_asked& one : bundle_requests()) grant(one);
  }
  /// The nodes that the maker hears of; none if it hears of nothing.
  std::vector<wire::node_id> ready(group_id id) {
    process_id to;
    const auto news = out_.take<wire::group_ready>(&to);
    if (!news) return {};
    EXPECT_EQ(news->ready, ready_of(id));
    EXPECT_EQ(to, maker);
    return news->nodes;
  }
  std::string failure() {
    const auto news = out_.take<wire::group_ready>();
    if (!news) return "nothing was said";
    wire::reader from{news->error};
    return wire::decode_part<wire::error_value>(from).what;
  }
  void pass(std::uint64_t time_ns) { groups_.tick(now_ += time_ns); }
  void hear_of_room() {
    groups_.room_changed();
    pass(2'000'000);
  }

  wire::lease_request task_in(group_id group, std::uint32_t bundle, double count = 1) {
    wire::lease_request request;
    request.owner = user;
    request.request = 5;
    request.demand = request.held = cpus(count);
    request.where.how = wire::placement_kind::group;
    request.where.group = group;
    request.where.bundle = bundle;
    return request;
  }
  std::string refusal() {
    process_id to;
    const auto one = out_.take<wire::lease_refuse>(&to);
    if (!one) return "nothing was refused";
    EXPECT_EQ(to, user);
    wire::reader from{one->error};
    return wire::decode_part<wire::error_value>(from).what;
  }
  static constexpr std::uint32_t any = wire::placement::any_bundle;

  sent_messages out_;
  peer_nodes peers_;
  ended_processes ended_;
  placement_groups groups_;
  wire::resource_amounts own_free_ = cpus(2);
  std::uint64_t made_ = 0;
  std::uint64_t now_ = 1'000'000'000;
};

TEST_F(PlacementGroups, TellTheMakerOnceAllNodesHaveAgreed) {
  const group_id id = make(group_strategy::strict_spread, {cpus(1), cpus(1)});
  const auto asked = bundle_requests();
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_NE(asked[0].node, asked[1].node);
  EXPECT_EQ(asked[0].request.kind, wire::lease_kind::bundle);
  EXPECT_TRUE(asked[0].request.at_once);
  grant(asked[0]);
  EXPECT_TRUE(ready(id).empty());
  grant(asked[1]);
  EXPECT_EQ(ready(id), (std::vector<wire::node_id>{asked[0].node, asked[1].node}));
}

TEST_F(PlacementGroups, GiveBackWhatTheyHaveIfOneNodeRefuses) {
  const group_id id = make(group_strategy::strict_spread, {cpus(1), cpus(1)});
  const auto asked = bundle_requests();
  grant(asked[0]);
  EXPECT_EQ(out_.count<wire::lease_return>(), 0U);
  refuse(asked[1]);
  process_id to;
  EXPECT_TRUE(out_.take<wire::lease_return>(&to));
  EXPECT_EQ(to.node(), asked[0].node);
  EXPECT_EQ(groups_.waiting(), 1U);
  // Not at once: what it was refused for may last.
  hear_of_room();
  EXPECT_TRUE(bundle_requests().empty());
  pass(20'000'000);
  grant_all();
  EXPECT_EQ(ready(id).size(), 2U);
  EXPECT_EQ(groups_.waiting(), 0U);
}

TEST_F(PlacementGroups, GatherRoomOneAtATime) {
  own_free_ = cpus(0);
  for (wire::node_id node = 1; node <= 2; ++node) {
    wire::free_amounts none;
    none.node = node;
    peers_.heard(none);
  }
  const group_id first = make(group_strategy::pack, {cpus(2)});
  const group_id second = make(group_strategy::pack, {cpus(2)});
  EXPECT_TRUE(bundle_requests().empty());
  pass(60'000'000);
  const auto gathering = bundle_requests();
  ASSERT_EQ(gathering.size(), 1U);
  EXPECT_FALSE(gathering[0].request.at_once);
  EXPECT_EQ(gathering[0].request.where.group, first);
  // Its time passes; then it is the other's turn.
  pass(1'000'000'000);
  EXPECT_EQ(out_.take<wire::lease_update>()->count, 0U);
  const auto next = bundle_requests();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].request.where.group, second);
  // A grant that comes too late goes back.
  grant(gathering[0]);
  EXPECT_TRUE(out_.take<wire::lease_return>());
  grant(next[0]);
  EXPECT_EQ(ready(second).size(), 1U);
}

TEST_F(PlacementGroups, ThatCanNeverBePlacedFailInWords) {
  make(group_strategy::strict_pack, {cpus(1), cpus(2)});
  const std::string why = failure();
  EXPECT_NE(why.find("all on one node (strict_pack)"), std::string::npos) << why;
  EXPECT_NE(why.find("{cpus: 2}"), std::string::npos) << why;
  EXPECT_TRUE(bundle_requests().empty());
  EXPECT_EQ(groups_.size(), 0U);
}

TEST_F(PlacementGroups, AreRemovedOnce) {
  const group_id id = make(group_strategy::pack, {cpus(1)});
  grant_all();
  receive(user, wire::group_remove{1, id});
  EXPECT_TRUE(out_.take<wire::lease_return>());
  EXPECT_TRUE(out_.take<wire::group_removed>()->was_there);
  receive(user, wire::group_remove{2, id});
  EXPECT_FALSE(out_.take<wire::group_removed>()->was_there);
}

TEST_F(PlacementGroups, HearOfARemovalThatOvertakesTheirMaking) {
  const group_id id{maker, 9};
  receive(user, wire::group_remove{1, id});
  EXPECT_FALSE(out_.take<wire::group_removed>());
  receive(maker, wire::group_create{id, ready_of(id), group_strategy::pack, {cpus(1)}});
  EXPECT_TRUE(out_.take<wire::group_removed>()->was_there);
  EXPECT_EQ(groups_.size(), 0U);
}

TEST_F(PlacementGroups, EndWithTheirMaker) {
  make(group_strategy::pack, {cpus(1)});
  grant_all();
  ended_.add(maker);
  groups_.process_ended(maker);
  EXPECT_TRUE(out_.take<wire::lease_return>());
  EXPECT_EQ(groups_.size(), 0U);
}

// Its word was lost with it, or comes when its end is known.
TEST_F(PlacementGroups, OfADeadMakerAreNotWaitedFor) {
  const group_id id{maker, 1};
  groups_.on_request(task_in(id, 0));
  receive(user, wire::group_remove{4, id});
  EXPECT_TRUE(out_.take<wire::lease_queued>());
  ended_.add(maker);
  groups_.process_ended(maker);
  EXPECT_NE(refusal().find("is no more"), std::string::npos);
  EXPECT_FALSE(out_.take<wire::group_removed>()->was_there);
  groups_.on_request(task_in(id, 0));
  EXPECT_NE(refusal().find("is no more"), std::string::npos);
  receive(user, wire::group_remove{5, id});
  EXPECT_FALSE(out_.take<wire::group_removed>()->was_there);
  receive(maker, wire::group_create{id, ready_of(id), group_strategy::pack, {cpus(1)}});
  EXPECT_EQ(groups_.size(), 0U);
}

TEST_F(PlacementGroups, PlaceTheBundlesOfANodeThatEndedAgain) {
  const group_id id = make(group_strategy::strict_spread, {cpus(1), cpus(1)});
  const auto asked = bundle_requests();
  for (const auto& one : asked) grant(one);
  EXPECT_EQ(ready(id).size(), 2U);
  const std::uint32_t lost = asked[0].node == 0 ? 1 : 0;
  peers_.died(asked[lost].node);
  groups_.process_ended(process_id::scheduler_of(asked[lost].node));
  hear_of_room();
  const auto again = bundle_requests();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].request.where.bundle, lost);
  EXPECT_NE(again[0].node, asked[0].node);
  EXPECT_NE(again[0].node, asked[1].node);
  grant(again[0]);
  // Its maker has heard already that it is ready.
  EXPECT_EQ(out_.count<wire::group_ready>(), 0U);
  EXPECT_EQ(out_.count<wire::lease_return>(), 0U);
  groups_.on_request(task_in(id, lost));
  process_id to;
  EXPECT_TRUE(out_.take<wire::lease_request>(&to));
  EXPECT_EQ(to.node(), again[0].node);
}

TEST_F(PlacementGroups, FailWhereNoNodeIsLeftForThem) {
  const group_id id = make(group_strategy::strict_spread, {cpus(1), cpus(1), cpus(1)});
  for (const auto& one : bundle_requests()) grant(one);
  EXPECT_EQ(ready(id).size(), 3U);
  peers_.died(2);
  groups_.process_ended(process_id::scheduler_of(2));
  EXPECT_EQ(groups_.size(), 0U);
  EXPECT_EQ(out_.count<wire::lease_return>(), 2U);
  groups_.on_request(task_in(id, 0));
  EXPECT_NE(refusal().find("is no more"), std::string::npos);
}

TEST_F(PlacementGroups, KeepRequestsThatComeBeforeThem) {
  const group_id id{maker, 1};
  groups_.on_request(task_in(id, 0));
  EXPECT_EQ(out_.take<wire::lease_queued>()->count, 1U);
  EXPECT_EQ(make(group_strategy::pack, {cpus(1)}), id);
  const auto asked = bundle_requests();
  ASSERT_EQ(asked.size(), 1U);
  grant(asked[0]);
  process_id to;
  const auto passed = out_.take<wire::lease_request>(&to);
  ASSERT_TRUE(passed);
  EXPECT_EQ(passed->owner, user);
  EXPECT_EQ(to.node(), asked[0].node);
}

TEST_F(PlacementGroups, RefuseWhatNoBundleCanHave) {
  const group_id id = make(group_strategy::pack, {cpus(1), cpus(2)});
  grant_all();
  groups_.on_request(task_in(id, 0, 2));
  EXPECT_NE(refusal().find("the largest has {cpus: 1}"), std::string::npos);
  groups_.on_request(task_in(id, 2));
  EXPECT_NE(refusal().find("number 2 was asked for"), std::string::npos);
  groups_.on_request(task_in(id, any, 3));
  EXPECT_NE(refusal().find("the largest has {cpus: 2}"), std::string::npos);
}

TEST_F(PlacementGroups, PassNewsOfRoomOnToWhereRequestsWait) {
  const group_id id = make(group_strategy::strict_spread, {cpus(1), cpus(1)});
  const auto bundles = bundle_requests();
  for (const auto& one : bundles) grant(one);
  groups_.on_request(task_in(id, any));
  process_id to;
  ASSERT_TRUE(out_.take<wire::lease_request>(&to));
  const wire::node_id waits_at = to.node();
  const wire::node_id other = waits_at == bundles[0].node ? bundles[1].node : bundles[0].node;
  groups_.on_wanted(waits_at, {id, cpus(1)});
  EXPECT_TRUE(out_.take<wire::bundle_wanted>(&to));
  EXPECT_EQ(to.node(), other);
  EXPECT_EQ(out_.count<wire::bundle_wanted>(), 0U);
  groups_.on_room({id, cpus(1), other});
  const auto news = out_.take<wire::bundle_room>(&to);
  ASSERT_TRUE(news);
  EXPECT_EQ(to.node(), waits_at);
  EXPECT_EQ(news->node, other);
  // It is told once.
  groups_.on_room({id, cpus(1), other});
  EXPECT_EQ(out_.count<wire::bundle_room>(), 0U);
}

TEST_F(PlacementGroups, AskABundleThatIsPlacedAgainForRoom) {
  const group_id id = make(group_strategy::strict_spread, {cpus(1), cpus(1)});
  const auto asked = bundle_requests();
  for (const auto& one : asked) grant(one);
  const std::uint32_t lost = asked[0].node == 0 ? 1 : 0;
  const wire::node_id left = asked[1 - lost].node;
  groups_.on_wanted(left, {id, cpus(1)});
  EXPECT_TRUE(out_.take<wire::bundle_wanted>());
  peers_.died(asked[lost].node);
  groups_.process_ended(process_id::scheduler_of(asked[lost].node));
  hear_of_room();
  const auto again = bundle_requests();
  ASSERT_EQ(again.size(), 1U);
  grant(again[0]);
  process_id to;
  EXPECT_TRUE(out_.take<wire::bundle_wanted>(&to));
  EXPECT_EQ(to.node(), again[0].node);
}

TEST_F(PlacementGroups, TryTheNextNodeWhereOneCanNeverDoIt) {
  const group_id id = make(group_strategy::strict_spread, {cpus(1), cpus(1)});
  grant_all();
  groups_.on_request(task_in(id, any));
  for (int i = 0; i < 2; ++i) {
    process_id to;
    auto passed = out_.take<wire::lease_request>(&to);
    ASSERT_TRUE(passed);
    passed->hops = placement_groups::came_back_impossible;
    passed->visited.push_back(to.node());
    groups_.on_request(*passed);
  }
  EXPECT_NE(refusal().find("its GPUs can't be shared"), std::string::npos);
}

TEST_F(PlacementGroups, CountWhatTheyHaveThemselvesWhenPlacedAgain) {
  const group_id id = make(group_strategy::pack, {cpus(2), cpus(2), cpus(2)});
  grant_all();
  EXPECT_EQ(ready(id).size(), 3U);
  peers_.died(2);
  groups_.process_ended(process_id::scheduler_of(2));
  EXPECT_EQ(groups_.size(), 0U);
}

TEST_F(PlacementGroups, ForgetWhatIsNotWantedAnyMore) {
  const group_id id{maker, 1};
  groups_.on_request(task_in(id, 0));
  EXPECT_TRUE(groups_.on_update({user, 5, 0}));
  EXPECT_FALSE(groups_.on_update({user, 5, 0}));
  make(group_strategy::pack, {cpus(1)});
  grant_all();
  EXPECT_EQ(out_.count<wire::lease_request>(), 0U);
}

}  // namespace
}  // namespace mobula::core
