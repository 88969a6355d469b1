#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/executor_fixture.hpp"
#include "wire/codec.hpp"

namespace mobula::core {
namespace {

TEST_F(Executor, RunsTasksInTheOrderOfTheirPushAndAnswersEach) {
  for (std::uint64_t i = 1; i <= 3; ++i) push(task(i));
  for (std::uint64_t i = 1; i <= 3; ++i) {
    finish(begin(task(i)));
    process_id to;
    const auto done = out_.take<wire::task_done>(&to);
    ASSERT_TRUE(done);
    EXPECT_EQ(to, driver);
    EXPECT_EQ(done->task, task(i));
    EXPECT_EQ(done->lease, first_lease);
  }
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_TRUE(executor_.idle());
  EXPECT_TRUE(out_.empty());
  EXPECT_TRUE(board_.slots.empty());
}

// Eight tasks pushed, the first waits for the eighth.
TEST_F(Executor, RunsTheEighthOfItsTasksWhenTheFirstWaitsForIt) {
  for (std::uint64_t i = 1; i <= 8; ++i) push(task(i));
  attempt& first = begin(task(1));
  suspend(first, {result(8)});
  EXPECT_EQ(returned(return_reason::blocked).size(), 6U);
  finish(begin(task(8)));
  executor_.wake(first);
  finish(begin(task(1)));
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_TRUE(executor_.idle());
}

// A one-hour task must not begin on top of one whose child ends in a millisecond.
TEST_F(Executor, GivesBackWhatTheBlockedTaskDoesNotWaitFor) {
  push(task(1));
  attempt& first = begin(task(1));
  push(task(2));
  suspend(first, {result(50, {1, 7})});
  EXPECT_EQ(returned(return_reason::blocked), std::vector{task(2)});
  push(task(3));
  EXPECT_EQ(returned(return_reason::blocked), std::vector{task(3)});
  EXPECT_EQ(executor_.next(), nullptr);
  executor_.wake(first);
  begin(task(1));
  push(task(4));
  EXPECT_EQ(out_.count<wire::task_return>(), 0U);
}

TEST_F(Executor, BeginsNothingOnTopOfAWaitForSomeOfMany) {
  push(task(1));
  push(task(2));
  suspend(begin(task(1)), {result(2), result(3)}, true);
  EXPECT_EQ(returned(return_reason::blocked), std::vector{task(2)});
  source_.replies[result(3)] = {run_here_source::answer::pushed, task(3)};
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_EQ(source_.asked, 0);
}

TEST_F(Executor, PassesTheSlotFirstToAFiberThatCanGoOn) {
  push(task(1));
  push(task(2));
  attempt& first = begin(task(1));
  suspend(first, {result(2)});
  attempt& second = begin(task(2));
  executor_.wake(first);
  suspend(second, {result(9)});
  EXPECT_EQ(executor_.next(), &first);
}

TEST_F(Executor, RunsHereWhatTheOwnerPushesForABlockedTask) {
  const task_id child = task(7, here);
  const task_id needed_by_child = task(6, here);
  push(task(1));
  attempt& parent = begin(task(1));
  source_.replies[result(7, here)] = {run_here_source::answer::pushed, needed_by_child};
  suspend(parent, {result(7, here)});
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_EQ(source_.last_lease, first_lease);
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_EQ(source_.asked, 1) << "not asked again while a push is under way";
  push(needed_by_child, first_lease, here);
  source_.replies[result(7, here)] = {run_here_source::answer::not_now, {}};
  finish(begin(needed_by_child));
  EXPECT_EQ(executor_.next(), nullptr);
  source_.replies[result(7, here)] = {run_here_source::answer::pushed, child};
  EXPECT_EQ(executor_.next(), nullptr);
  push(child, first_lease, here);
  finish(begin(child));
  executor_.wake(parent);
  finish(begin(task(1)));
  EXPECT_TRUE(executor_.idle());
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 0U);
  EXPECT_EQ(out_.count<wire::task_return>(), 0U);
}

TEST_F(Executor, DoesNotAskAgainForWhatNeedNotBeRunHere) {
  push(task(1));
  suspend(begin(task(1)), {result(2), result(3)});
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_EQ(source_.asked, 2);
}

TEST_F(Executor, LendsItsCpusOnlyAfterAGraceTime) {
  push(task(1));
  attempt& one = begin(task(1));
  EXPECT_EQ(executor_.next_deadline_ns(), never);
  suspend(one, {result(9)});
  EXPECT_EQ(executor_.next_deadline_ns(), 0U);
  EXPECT_EQ(executor_.next(), nullptr);
  executor_.tick(now_);
  EXPECT_EQ(executor_.next_deadline_ns(), now_ + 50'000);
  executor_.tick(now_ + 49'999);
  EXPECT_TRUE(out_.empty());
  executor_.tick(now_ + 50'000);
  const auto lent = out_.take<wire::cpus_lend>();
  ASSERT_TRUE(lent);
  EXPECT_EQ(lent->lease, first_lease);
  EXPECT_EQ(executor_.next_deadline_ns(), never);
}

TEST_F(Executor, LendsNothingBeforeItHasLookedForWhatCouldRunInTheSlot) {
  push(task(1));
  suspend(begin(task(1)), {result(9)});
  // The thread that runs attempts is late; another ticks meanwhile.
  for (int i = 0; i < 4; ++i) executor_.tick(now_ += 50'000);
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 0U);
  EXPECT_EQ(executor_.next(), nullptr);
  executor_.tick(now_ += 50'000);
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 1U);
}

TEST_F(Executor, ClaimsLentCpusAndWaitsForThemBeforeItGoesOn) {
  push(task(1));
  attempt& one = begin(task(1));
  suspend(one, {result(9)});
  EXPECT_EQ(executor_.next(), nullptr);
  pass_grace();
  out_.clear();
  executor_.wake(one);
  process_id to;
  ASSERT_TRUE(out_.take<wire::cpus_claim>(&to));
  EXPECT_EQ(to, scheduler_here);
  EXPECT_EQ(executor_.next(), nullptr);
  receive(wire::cpus_grant{first_lease}, scheduler_here);
  EXPECT_EQ(executor_.next(), &one);
}

TEST_F(Executor, AShortWaitCostsNoMessage) {
  push(task(1));
  attempt& one = begin(task(1));
  suspend(one, {result(9)});
  executor_.tick(now_);
  executor_.wake(one);
  EXPECT_EQ(executor_.next(), &one);
  executor_.tick(now_ + 1'000'000);
  EXPECT_TRUE(out_.empty());
}

TEST_F(Executor, LendsAgainWhenATaskOnTopHasEnded) {
  push(task(1));
  push(task(2));
  attempt& first = begin(task(1));
  suspend(first, {result(2), result(9)});
  finish(begin(task(2)));
  EXPECT_EQ(executor_.next(), nullptr);
  pass_grace();
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 1U);
}

TEST_F(Executor, SeveralLeasesHaveASlotEach) {
  push(task(1), first_lease);
  attempt& first = begin(task(1));
  suspend(first, {result(9)});
  pass_grace();
  push(task(2), second_lease);
  EXPECT_EQ(out_.count<wire::task_return>(), 0U);
  attempt& second = begin(task(2));
  executor_.wake(first);
  receive(wire::cpus_grant{first_lease}, scheduler_here);
  finish(second);
  EXPECT_EQ(executor_.next(), &first);
}

TEST_F(Executor, FailsATaskThatWouldNestBeyondTheLimit) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    push(task(i));
    attempt* one = executor_.next();
    if (i == 5) {
      EXPECT_EQ(one, nullptr);
      break;
    }
    ASSERT_NE(one, nullptr);
    suspend(*one, {result(i + 1)});
  }
  const auto failed = out_.take<wire::task_done>();
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->task, task(5));
  EXPECT_EQ(failed->status, wire::task_status::failed);
  wire::reader in{failed->results};
  const auto value = wire::decode_part<wire::value_view>(in);
  wire::reader text{value.bytes};
  const auto error = wire::decode_part<wire::error_value>(text);
  EXPECT_EQ(error.code, wire::error_code::nesting_limit);
  EXPECT_NE(error.what.find("4 tasks"), std::string::npos) << error.what;
}

TEST_F(Executor, GivesBackTheLastTasksWhenAskedAndAnswersAlways) {
  for (std::uint64_t i = 1; i <= 4; ++i) push(task(i));
  attempt& running = begin(task(1));
  receive(wire::task_reclaim{first_lease, 2});
  EXPECT_EQ(returned(return_reason::reclaimed), (std::vector{task(4), task(3)}));
  finish(running);
  finish(begin(task(2)));
  receive(wire::task_reclaim{first_lease, 2});
  EXPECT_TRUE(returned(return_reason::reclaimed).empty());
  receive(wire::task_reclaim{second_lease, 2});
  EXPECT_TRUE(returned(return_reason::reclaimed).empty());
  EXPECT_TRUE(executor_.idle());
}

// Two leases of a process are two cpus, but it has one thread: another process may have nothing to
// do.
TEST_F(Executor, GivesBackWhatALongTaskOfAnotherLeaseKeepsFromBeginning) {
  push(task(1));
  attempt& first = begin(task(1));
  EXPECT_EQ(executor_.next_deadline_ns(), never);
  push(task(2), second_lease);
  EXPECT_EQ(executor_.next_deadline_ns(), 0U);
  executor_.tick(now_);
  finish(first);
  push(task(3), second_lease);
  push(task(4));
  attempt& second = begin(task(2));
  EXPECT_EQ(executor_.next_deadline_ns(), 0U) << "task 4 is seen by the next tick";
  finish(second);
  attempt& fourth = begin(task(4));
  now_ += 300'000;
  executor_.tick(now_);
  EXPECT_EQ(out_.count<wire::task_return>(), 0U) << "the second lease began something since";
  now_ = executor_.next_deadline_ns();
  executor_.tick(now_ - 1);
  EXPECT_EQ(out_.count<wire::task_return>(), 0U);
  push(task(5));
  executor_.tick(now_);
  EXPECT_EQ(returned(return_reason::blocked), std::vector{task(3)});
  EXPECT_EQ(executor_.next_deadline_ns(), never) << "task 5 is its own lease's";
  finish(fourth);
  finish(begin(task(5)));
}

// Its owner gives a lease back with the last task of its own; what it holds is taken until the
// guest ends.
TEST_F(Executor, ALeaseWhoseGuestRunsOnIsOverForItsOwner) {
  attempt& parent = await_guest();
  push(task(7, here), first_lease, here);
  attempt& guest = begin(task(7, here));
  suspend(guest, {result(8)});
  executor_.wake(parent);
  EXPECT_EQ(executor_.next(), &parent);
  finish(parent);
  EXPECT_TRUE(returned(return_reason::revoked).empty());
  EXPECT_EQ(out_.count<wire::task_done>(), 1U);
  push(task(3));
  EXPECT_EQ(returned(return_reason::revoked), std::vector{task(3)});
  executor_.wake(guest);
  EXPECT_EQ(executor_.next(), &guest);
  EXPECT_EQ(out_.count<wire::lease_over>(), 0U);
  finish(guest);
  EXPECT_EQ(out_.take<wire::lease_over>()->lease, first_lease);
  EXPECT_TRUE(executor_.idle());
}

TEST_F(Executor, AGuestThatHasNotBegunIsGivenBackWithTheLease) {
  attempt& parent = await_guest();
  executor_.wake(parent);
  EXPECT_EQ(executor_.next(), &parent);
  finish(parent);
  EXPECT_TRUE(returned(return_reason::revoked).empty());
  EXPECT_EQ(out_.count<wire::lease_over>(), 0U);
  push(task(7, here), first_lease, here);
  EXPECT_EQ(returned(return_reason::revoked), std::vector{task(7, here)});
  EXPECT_EQ(out_.count<wire::lease_over>(), 1U);
  EXPECT_TRUE(executor_.idle());
}

TEST_F(Executor, GivesBackToAnOwnerOnlyWhatItPushed) {
  await_guest();
  push(task(7, here), first_lease, here);
  receive(wire::task_reclaim{first_lease, 9});
  EXPECT_TRUE(returned(return_reason::reclaimed).empty());
  begin(task(7, here));
}

TEST_F(Executor, RunsTheCallsOfAnActorInOrderAfterItsCreation) {
  attempt& creation = create_actor();
  EXPECT_EQ(creation.kind, attempt_kind::creation);
  for (std::uint64_t i = 0; i < 3; ++i) call(i);
  finish(creation);
  for (std::uint64_t i = 0; i < 3; ++i) finish(begin(task(1000 + i)));
  EXPECT_EQ(executor_.next(), nullptr);
}

TEST_F(Executor, DropsACallThatComesTwice) {
  finish(create_actor());
  call(0);
  call(0);
  finish(begin(task(1000)));
  EXPECT_EQ(executor_.next(), nullptr);
  call(0);
  EXPECT_EQ(executor_.next(), nullptr);
}

// In W a task calls a.m(x), and a.m waits: nothing else of the actor may begin meanwhile.
TEST_F(Executor, AnActorOfConcurrencyOneBeginsNothingWhileACallIsSuspended) {
  finish(create_actor());
  call(0);
  call(1);
  attempt& first = begin(task(1000));
  suspend(first, {result(9)});
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_EQ(out_.count<wire::task_return>(), 0U);
  executor_.wake(first);
  finish(begin(task(1000)));
  finish(begin(task(1001)));
}

TEST_F(Executor, AnActorBeginsAsManyCallsAsItsConcurrencyAllows) {
  finish(create_actor(2));
  for (std::uint64_t i = 0; i < 3; ++i) call(i);
  attempt& first = begin(task(1000));
  suspend(first, {result(9)});
  attempt& second = begin(task(1001));
  suspend(second, {result(9)});
  EXPECT_EQ(executor_.next(), nullptr);
  executor_.wake(second);
  finish(begin(task(1001)));
  begin(task(1002));
}

TEST_F(Executor, AnActorThatHoldsNoCpusLendsNone) {
  finish(create_actor(1, wire::task_push::holds_no_cpus));
  call(0);
  suspend(begin(task(1000)), {result(9)});
  EXPECT_EQ(executor_.next_deadline_ns(), never);
  pass_grace();
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 0U);
}

TEST_F(Executor, AnActorThatHoldsCpusLendsThem) {
  finish(create_actor(1));
  call(0);
  suspend(begin(task(1000)), {result(9)});
  EXPECT_EQ(executor_.next(), nullptr);
  pass_grace();
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 1U);
}

TEST_F(Executor, EndsAnActorAfterWhatIsQueued) {
  finish(create_actor());
  call(0);
  call(1);
  receive(wire::actor_end{actor});
  attempt& first = begin(task(1000));
  suspend(first, {result(9)});
  executor_.wake(first);
  finish(begin(task(1000)));
  finish(begin(task(1001)));
  EXPECT_EQ(out_.count<wire::lease_over>(), 0U);
  attempt* last = executor_.next();
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->kind, attempt_kind::destruction);
  EXPECT_EQ(last->actor, actor);
  out_.clear();
  finish(*last);
  EXPECT_EQ(out_.take<wire::lease_over>()->lease, first_lease);
  EXPECT_TRUE(out_.empty()) << "a destruction answers nobody";
  EXPECT_TRUE(executor_.idle());
  call(2);
  EXPECT_EQ(out_.take<wire::task_done>()->status, wire::task_status::actor_is_gone);
}

TEST_F(Executor, AnActorWhoseCreationFailedIsGone) {
  attempt& creation = create_actor();
  call(0);
  executor_.finish(creation, {.status = wire::task_status::failed});
  EXPECT_EQ(out_.take<wire::task_done>()->status, wire::task_status::failed);
  EXPECT_EQ(out_.take<wire::task_done>()->status, wire::task_status::actor_is_gone);
  EXPECT_EQ(out_.count<wire::lease_over>(), 0U) << "its owner returns it, who may never hear";
  EXPECT_TRUE(executor_.idle());
  receive(wire::lease_revoke{first_lease}, scheduler_here);
  EXPECT_EQ(out_.count<wire::lease_over>(), 1U);
}

TEST_F(Executor, ARevokedLeaseIsOverWhenNothingOfItIsLeft) {
  push(task(1));
  push(task(2));
  attempt& running = begin(task(1));
  receive(wire::lease_revoke{first_lease}, scheduler_here);
  EXPECT_EQ(returned(return_reason::revoked), std::vector{task(2)});
  EXPECT_EQ(out_.count<wire::lease_over>(), 0U);
  finish(running);
  EXPECT_EQ(out_.count<wire::lease_over>(), 1U);
  EXPECT_TRUE(executor_.idle());
  receive(wire::lease_revoke{second_lease}, scheduler_here);
  EXPECT_EQ(out_.count<wire::lease_over>(), 2U);
}

TEST_F(Executor, ARevokedActorAnswersItsCallersAndEnds) {
  finish(create_actor());
  call(0);
  attempt& running = begin(task(1000));
  call(1, 1, {2, 9});
  out_.clear();
  receive(wire::lease_revoke{first_lease}, scheduler_here);
  process_id to;
  EXPECT_EQ(out_.take<wire::task_done>(&to)->status, wire::task_status::actor_is_gone);
  EXPECT_EQ(to, (process_id{2, 9}));
  finish(running);
  attempt* last = executor_.next();
  ASSERT_NE(last, nullptr);
  finish(*last);
  EXPECT_EQ(out_.count<wire::lease_over>(), 1U);
}

TEST_F(Executor, DropsWhatAnEndedProcessPushed) {
  const process_id other{1, 4};
  push(task(1, other), first_lease, other);
  push(task(2, other), first_lease, other);
  attempt& running = begin(task(1, other));
  executor_.process_ended(other);
  push(task(3, other), first_lease, other);
  finish(running);
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_TRUE(executor_.idle());
  EXPECT_EQ(out_.count<wire::task_return>(), 0U);
}

TEST_F(Executor, DropsWhatTheProcessesOfAnEndedNodePushed) {
  const process_id other{1, 4};
  push(task(1, other), first_lease, other);
  executor_.process_ended(process_id::scheduler_of(1));
  push(task(2, other), first_lease, other);
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_TRUE(executor_.idle());
}

TEST_F(Executor, ARetiringProcessGivesBackWhatComesAndMayExitWhenItHasEnded) {
  push(task(1));
  push(task(2));
  attempt& running = begin(task(1));
  receive(wire::worker_retire{}, scheduler_here);
  EXPECT_EQ(returned(return_reason::retiring), std::vector{task(2)});
  push(task(3));
  EXPECT_EQ(returned(return_reason::retiring), std::vector{task(3)});
  EXPECT_FALSE(executor_.may_exit());
  finish(running);
  EXPECT_TRUE(executor_.may_exit());
}

TEST_F(Executor, DropsAndCountsWhatItCannotDecode) {
  auto bytes = encoded(push_of(task(1), first_lease));
  bytes.pop_back();
  executor_.on_message(driver, bytes);
  executor_.on_message(driver, {});
  EXPECT_EQ(executor_.dropped(), 2U);
  EXPECT_TRUE(executor_.idle());
}

}  // namespace
}  // namespace mobula::core
