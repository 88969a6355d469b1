#include "launch/child.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "launch/processes.hpp"
#include "launch/warnings.hpp"

namespace mobula::launch {
namespace {

using tests::comes_true;
using tests::is_alive;
using tests::value_of;

constexpr int deadline_ms = 20'000;

bool is_readable(int number, int timeout_ms) {
  pollfd one{number, POLLIN, 0};
  return ::poll(&one, 1, timeout_ms) == 1;
}

class pipe_ends {
 public:
  pipe_ends() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    reading = descriptor{ends[0]};
    writing = descriptor{ends[1]};
  }
  descriptor reading;
  descriptor writing;
};

child_recipe recipe_for(std::string start, watch watched_by) {
  child_recipe recipe;
  recipe.arguments = {"launch_test"};
  recipe.variables = this_environment();
  recipe.start = std::move(start);
  recipe.watched_by = watched_by;
  return recipe;
}

class Child : public ::testing::TestWithParam<watch> {
 protected:
  child_recipe recipe(std::string start) { return recipe_for(std::move(start), GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(WatchedBy, Child, ::testing::Values(watch::pidfd, watch::pipe),
                         [](const auto& param) {
                           return param.param == watch::pidfd ? "Pidfd" : "Pipe";
                         });

TEST_P(Child, TellsItsExitStatus) {
  child one{recipe("exit 3")};
  ASSERT_TRUE(is_readable(one.descriptor(), deadline_ms));
  const exit_status status = one.wait();
  EXPECT_EQ(status.text(), "exited with status 3");
  EXPECT_FALSE(status.good());
  EXPECT_TRUE(child{recipe("exit 0")}.wait().good());
}

TEST_P(Child, TellsWhichSignalKilledIt) {
  child one{recipe("stay")};
  EXPECT_FALSE(is_readable(one.descriptor(), 0));
  EXPECT_FALSE(one.ended().has_value());
  one.signal(SIGKILL);
  ASSERT_TRUE(is_readable(one.descriptor(), deadline_ms));
  EXPECT_EQ(one.wait().text(), "killed by signal 9 (Killed)");
  EXPECT_EQ(one.ended()->number, SIGKILL);
}

TEST_P(Child, EndsWithItsObject) {
  pid_t pid = 0;
  {
    const child one{recipe("stay")};
    pid = one.pid();
    EXPECT_TRUE(is_alive(pid));
  }
  EXPECT_FALSE(is_alive(pid));
}

TEST_P(Child, MovesWithoutEnding) {
  child one{recipe("stay")};
  const pid_t pid = one.pid();
  child other{std::move(one)};
  EXPECT_EQ(other.pid(), pid);
  EXPECT_TRUE(is_alive(pid));
}

TEST_P(Child, DiesWithItsParent) {
  pipe_ends told;
  child_recipe parent = recipe("parent");
  parent.descriptors = {told.writing.get()};
  child middle{parent};
  told.writing.close();
  ASSERT_TRUE(is_readable(told.reading.get(), deadline_ms));
  char line[64] = "";
  ASSERT_GT(::read(told.reading.get(), line, sizeof line - 1), 0);
  const pid_t below = std::atoi(value_of(line, "child").c_str());
  ASSERT_GT(below, 0);
  ASSERT_TRUE(is_alive(below));
  middle.signal(SIGKILL);
  middle.wait();
  EXPECT_TRUE(comes_true([&] { return !is_alive(below); }));
}

TEST_P(Child, OutlivesTheThreadThatStartedIt) {
  std::optional<child> one;
  std::thread{[&] { one.emplace(recipe("stay")); }}.join();
  // Whoever dies of its starter's end does so at once; this one comes to nobody's end but ours.
  EXPECT_FALSE(is_readable(one->descriptor(), 200));
  one->signal(SIGINT);
  EXPECT_EQ(one->wait().text(), "killed by signal 2 (Interrupt)");
}

// From its first instruction on, whenever they come.
TEST_P(Child, OutlivesWarnings) {
  for (int i = 0; i < 20; ++i) {
    child one{recipe("exit 7")};
    for (const int warning : warnings) one.signal(warning);
    EXPECT_EQ(one.wait().text(), "exited with status 7");
  }
}

TEST_P(Child, GetsWhatItIsMeantToAndNothingElse) {
  pipe_ends told;
  const descriptor stray{::open("/dev/null", O_WRONLY)};  // without CLOEXEC, as user code opens
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t usr1;
  ::sigemptyset(&usr1);
  ::sigaddset(&usr1, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);

  child_recipe wanted = recipe("report");
  wanted.as = role::scheduler;
  wanted.arguments = {"launch_test", "-x", "y z"};
  set_variable(wanted.variables, "OMPI_COMM_WORLD_RANK", "5");
  set_variable(wanted.variables, "KEPT", "no");
  wanted.more_variables = {"KEPT=yes"};
  wanted.descriptors = {told.writing.get()};
  const std::uint32_t core = hardware::thread_set::of_this_thread().list().back();
  wanted.threads.add(core);
  const hardware::thread_set before = hardware::thread_set::of_this_thread();
  child one{wanted};
  EXPECT_EQ(hardware::thread_set::of_this_thread(), before);
  told.writing.close();
  const std::string said = tests::read_all(told.reading.get());
  EXPECT_TRUE(one.wait().good());

  ::signal(SIGPIPE, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
  EXPECT_EQ(value_of(said, "role"), "scheduler");
  EXPECT_EQ(value_of(said, "open"), GetParam() == watch::pidfd ? "0 1 2 3 " : "0 1 2 3 4 ");
  EXPECT_EQ(value_of(said, "stdin"), "/dev/null");
  EXPECT_EQ(value_of(said, "cores"), std::to_string(core));
  EXPECT_EQ(value_of(said, "arguments"), "-x y z ");
  EXPECT_EQ(value_of(said, "rank_variables"), "");
  EXPECT_EQ(value_of(said, "kept"), "yes");
  EXPECT_EQ(value_of(said, "sigpipe"), "default");
  EXPECT_EQ(value_of(said, "usr1"), "free");
}

TEST_P(Child, GivenDescriptorsKeepTheirOrder) {
  // Numbers that lie where the child's copies go, the other way round.
  pipe_ends a;
  pipe_ends b;
  child_recipe wanted = recipe("report");
  wanted.descriptors = {b.writing.get(), a.writing.get()};
  child one{wanted};
  a.writing.close();
  b.writing.close();
  EXPECT_NE(tests::read_all(b.reading.get()), "");
  EXPECT_EQ(tests::read_all(a.reading.get()), "");
  EXPECT_TRUE(one.wait().good());
}

TEST_P(Child, TakenBySomebodyElseHasEndedAllTheSame) {
  child one{recipe("exit 0")};
  int status = 0;
  ASSERT_EQ(::waitpid(one.pid(), &status, 0), one.pid());
  EXPECT_EQ(one.wait().text(), "ended; somebody else took its status");
}

TEST(EnterRole, IsNothingForAPlainProcess) { EXPECT_FALSE(enter_role().has_value()); }

TEST(EnterRole, RefusesVariablesThatSomebodyElseSet) {
  ::setenv("MOBULA_ROLE", "worker", 1);
  EXPECT_THROW(enter_role(), start_error);
  EXPECT_EQ(::getenv("MOBULA_ROLE"), nullptr);
}

TEST(EnterRole, LeavesWhenTheParentIsGone) {
  EXPECT_EXIT(
      {
        ::setenv("MOBULA_ROLE", "worker", 1);
        ::setenv("MOBULA_PARENT", "1999999999", 1);
        ::setenv("MOBULA_START", "", 1);
        enter_role();
        std::exit(0);
      },
      ::testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace mobula::launch
