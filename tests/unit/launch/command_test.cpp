#include "launch/command.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "launch/processes.hpp"
#include "launch/warden.hpp"

namespace mobula::launch {
namespace {

using ::testing::HasSubstr;
using tests::comes_true;
using tests::is_alive;

command_line shell(const std::string& script) {
  command_line line;
  line.arguments = {"sh", "-c", script};
  line.variables = this_environment();
  line.output_bytes_max = 1 << 20;
  line.error_bytes_max = 1000;
  return line;
}

command_end run(const command_line& line) { return run_command(line, "launch_test"); }

TEST(RunCommand, TellsHowItEndedAndWhatItWrote) {
  const command_end end = run(shell("echo out; echo err >&2; exit 7"));
  EXPECT_EQ(end.status.text(), "exited with status 7");
  EXPECT_EQ(end.output, "out\n");
  EXPECT_EQ(end.last_error, "err\n");
  EXPECT_EQ(run(shell("kill -TERM $$")).status.text(), "killed by signal 15 (Terminated)");
}

TEST(RunCommand, StartsItWithDefaultSignalsAndNoDescriptorsOfOurs) {
  const auto before = ::signal(SIGUSR1, SIG_IGN);
  const std::string said =
      run(shell("ls /proc/self/fd | xargs; kill -USR1 $$; echo goes on")).output;
  ::signal(SIGUSR1, before);
  // 3 is ls's own; the signal ends it.
  EXPECT_EQ(said, "0 1 2 3\n");
}

TEST(RunCommand, RunsWhereItsThreadMay) {
  const hardware::thread_set before = hardware::thread_set::of_this_thread();
  hardware::thread_set one;
  one.add(before.list().back());
  ASSERT_TRUE(one.bind_this_thread());
  const std::string said = run(shell("grep ^Cpus_allowed_list /proc/self/status")).output;
  before.bind_this_thread();
  EXPECT_THAT(said, HasSubstr("\t" + one.text() + "\n"));
}

TEST(RunCommand, RefusesInASentenceWhatCannotBeStarted) {
  const auto refusal = [](command_line line) -> std::string {
    try {
      run(line);
    } catch (const start_error& refused) {
      return refused.what();
    }
    return "(none)";
  };
  command_line line = shell("");
  line.arguments = {"no-such-program"};
  EXPECT_THAT(refusal(line), HasSubstr("there is no such program in PATH"));
  line.arguments = {"/etc/passwd"};
  EXPECT_THAT(refusal(line), HasSubstr("Permission denied"));
  line.arguments = {"true"};
  line.folder = "/no/such/folder";
  EXPECT_THAT(refusal(line), HasSubstr("in the folder /no/such/folder"));
  line.folder.clear();
  line.arguments = {"true", std::string(std::size_t{200} << 10, 'x')};
  EXPECT_THAT(refusal(line), HasSubstr("may have 128 KiB"));
  line.arguments = {};
  EXPECT_THAT(refusal(line), HasSubstr("no program"));
}

TEST(RunCommand, LooksForItInItsOwnPath) {
  command_line line = shell("");
  line.arguments = {"true"};
  set_variable(line.variables, "PATH", "/no/such/folder");
  EXPECT_THROW(run(line), start_error);
}

// Of those who have left its session, and lost their parent, too; and nobody waits for their
// output.
TEST(RunCommand, EndsAllThatItHasStarted) {
  const command_end end =
      run(shell("f=$(mktemp); (setsid sh -c 'echo $$ | tee $0; exec sleep 1000' $f &); "
                "until [ -s $f ]; do sleep 0.01; done; rm $f; sleep 1000 & echo $!"));
  std::istringstream processes{end.output};
  int count = 0;
  for (pid_t process = 0; processes >> process; ++count) EXPECT_FALSE(is_alive(process));
  EXPECT_EQ(count, 2);
}

// As a launcher does that warns every process of a job: the command has its own warning.
TEST(RunCommand, IsNotEndedByASignalToWhoWatchesOverIt) {
  for (const char* const signal : {"TERM", "INT", "HUP", "USR1"}) {
    const auto end = run(shell("kill -" + std::string{signal} + " $PPID; sleep 0.1; echo whole"));
    EXPECT_EQ(end.status.text(), "exited with status 0") << signal;
    EXPECT_EQ(end.output, "whole\n") << signal;
  }
}

// What the test program's child does is said by its start text: a command, here, that it waits for.
TEST(RunCommand, EndsWithTheProcessThatWantedIt) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const descriptor reading{ends[0]};
  descriptor writing{ends[1]};
  child_recipe recipe;
  recipe.arguments = {"launch_test"};
  recipe.variables = this_environment();
  recipe.start = "command";
  recipe.descriptors = {writing.get()};
  child parent{recipe};
  writing.close();
  char line[64] = "";
  ASSERT_GT(::read(reading.get(), line, sizeof line - 1), 0);
  const pid_t below = std::atoi(tests::value_of(line, "below").c_str());
  ASSERT_TRUE(is_alive(below));
  parent.signal(SIGKILL);
  EXPECT_TRUE(comes_true([&] { return !is_alive(below); }));
}

}  // namespace
}  // namespace mobula::launch
