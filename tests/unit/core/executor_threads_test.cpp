#include <gtest/gtest.h>

#include "core/executor_fixture.hpp"

// Threads that wait without giving way to other attempts.

namespace mobula::core {
namespace {

class ExecutorThreads : public Executor {};

TEST_F(ExecutorThreads, AThreadThatWaitsLendsTheCpusOfWhatRuns) {
  push(task(1));
  push(task(2));
  attempt& one = begin(task(1));
  executor_.thread_waits();
  EXPECT_EQ(returned(return_reason::blocked), std::vector{task(2)});
  EXPECT_EQ(executor_.next_deadline_ns(), 0U);
  pass_grace();
  const auto lent = out_.take<wire::cpus_lend>();
  ASSERT_TRUE(lent);
  EXPECT_EQ(lent->lease, first_lease);
  EXPECT_FALSE(lent->shares) << "nothing can run on top";
  push(task(3));
  EXPECT_EQ(returned(return_reason::blocked), std::vector{task(3)});
  executor_.thread_goes_on();
  EXPECT_EQ(out_.count<wire::cpus_claim>(), 1U);
  EXPECT_FALSE(executor_.thread_may_go_on()) << "its cpus are somebody else's";
  receive(wire::cpus_grant{first_lease}, scheduler_here);
  EXPECT_TRUE(executor_.thread_may_go_on());
  EXPECT_EQ(executor_.next_deadline_ns(), never);
  finish(one);
  EXPECT_TRUE(executor_.idle());
}

TEST_F(ExecutorThreads, AShortWaitOfAThreadCostsNoMessage) {
  push(task(1));
  attempt& one = begin(task(1));
  executor_.thread_waits();
  executor_.tick(now_);
  executor_.thread_goes_on();
  EXPECT_TRUE(executor_.thread_may_go_on());
  pass_grace();
  EXPECT_TRUE(out_.empty());
  finish(one);
}

TEST_F(ExecutorThreads, TheLastOfSeveralThreadsClaims) {
  push(task(1));
  begin(task(1));
  executor_.thread_waits();
  executor_.thread_waits();
  pass_grace();
  executor_.thread_goes_on();
  EXPECT_TRUE(executor_.thread_may_go_on());
  EXPECT_EQ(out_.count<wire::cpus_claim>(), 0U);
  executor_.thread_goes_on();
  EXPECT_EQ(out_.count<wire::cpus_claim>(), 1U);
  EXPECT_FALSE(executor_.thread_may_go_on());
}

TEST_F(ExecutorThreads, CpusThatComeWhenAThreadWaitsAgainAreLentAgain) {
  push(task(1));
  begin(task(1));
  executor_.thread_waits();
  pass_grace();
  executor_.thread_goes_on();
  executor_.thread_waits();
  receive(wire::cpus_grant{first_lease}, scheduler_here);
  pass_grace();
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 2U);
}

TEST_F(ExecutorThreads, AThreadHoldsUpWhateverRunsWhileItWaits) {
  executor_.thread_waits();
  EXPECT_EQ(executor_.next_deadline_ns(), never);
  EXPECT_TRUE(executor_.thread_may_go_on());
  push(task(1));
  attempt& first = begin(task(1));
  suspend(first, {result(2)});
  push(task(2));
  attempt& second = begin(task(2));
  EXPECT_EQ(executor_.next_deadline_ns(), 0U);
  pass_grace();
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 1U);
  // It ends without them; what it leaves behind asks for them.
  executor_.wake(first);
  EXPECT_EQ(out_.count<wire::cpus_claim>(), 0U) << "nothing can go on yet";
  finish(second);
  EXPECT_EQ(out_.count<wire::cpus_claim>(), 1U);
  EXPECT_EQ(executor_.next(), nullptr);
  receive(wire::cpus_grant{first_lease}, scheduler_here);
  EXPECT_EQ(executor_.next(), &first);
  pass_grace();
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 2U);
}

TEST_F(ExecutorThreads, AThreadThatWaitsLendsEveryLeaseOfItsProcess) {
  push(task(1), first_lease);
  attempt& first = begin(task(1));
  suspend(first, {result(9)});
  push(task(2), second_lease);
  push(task(3), second_lease);
  attempt& second = begin(task(2));
  executor_.thread_waits();
  EXPECT_EQ(returned(return_reason::blocked), std::vector{task(3)});
  // It has what it waited for, but its thread is taken.
  executor_.wake(first);
  pass_grace();
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 2U);
  suspend(second, {result(9)});
  EXPECT_EQ(out_.count<wire::cpus_claim>(), 1U);
  receive(wire::cpus_grant{first_lease}, scheduler_here);
  EXPECT_EQ(executor_.next(), &first);
}

TEST_F(ExecutorThreads, ATaskAfterOneThatEndedWithoutItsCpusWaitsForThem) {
  push(task(1));
  attempt& one = begin(task(1));
  executor_.thread_waits();
  pass_grace();
  finish(one);
  executor_.thread_goes_on();
  EXPECT_TRUE(executor_.thread_may_go_on());
  EXPECT_EQ(out_.count<wire::cpus_claim>(), 0U) << "there is nothing to run";
  push(task(2));
  EXPECT_EQ(executor_.next(), nullptr);
  EXPECT_EQ(out_.count<wire::cpus_claim>(), 1U);
  receive(wire::cpus_grant{first_lease}, scheduler_here);
  begin(task(2));
}

TEST_F(ExecutorThreads, AChildPushedHereGoesElsewhereWhileAThreadWaits) {
  attempt& one = await_guest();
  executor_.wake(one);
  EXPECT_EQ(executor_.next(), &one);
  executor_.thread_waits();
  push(task(7, here), first_lease, here);
  EXPECT_EQ(returned(return_reason::blocked), std::vector{task(7, here)});
  pass_grace();
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 1U);
}

TEST_F(ExecutorThreads, AThreadOfAnActorWithoutCpusLendsNoneAndKeepsTheCalls) {
  finish(create_actor(1, wire::task_push::holds_no_cpus));
  call(0);
  call(1);
  attempt& one = begin(task(1000));
  executor_.thread_waits();
  EXPECT_EQ(executor_.next_deadline_ns(), never);
  pass_grace();
  EXPECT_EQ(out_.count<wire::cpus_lend>(), 0U);
  EXPECT_EQ(out_.count<wire::task_return>(), 0U);
  finish(one);
  begin(task(1001));
  executor_.thread_goes_on();
  EXPECT_TRUE(executor_.thread_may_go_on());
}

}  // namespace
}  // namespace mobula::core
