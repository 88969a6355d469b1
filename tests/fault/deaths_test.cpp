// Deaths as values: what `get` says when a process has ended. All of it happens in one job, alone
// or under a launcher; each wait has a deadline.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <mobula/mobula.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using mobula::actor_handle;
using mobula::get;
using mobula::object_ref;
using mobula::remote;
using mobula::temporary_folder;

constexpr auto patience = 30s;
constexpr int cpus = 3;

// ---- what runs remotely

int kill_oneself() { return ::raise(SIGKILL); }
int abort_oneself() { std::abort(); }
int leave_with(int status) { ::_exit(status); }
int add(int a, int b) { return a + b; }
int own_process() { return ::getpid(); }

// The file is each task's witness that it ran: a line each.
int write_line(const std::string& file, int number) {
  const std::string line = std::to_string(number) + "\n";
  const int out = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const bool written = ::write(out, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  ::close(out);
  return written ? number : -1;
}

std::vector<char> large(char filler) { return std::vector<char>(std::size_t{1} << 20, filler); }
std::size_t size_of(const std::vector<char>& bytes) { return bytes.size(); }

bool exists(const std::string& file) { return ::access(file.c_str(), F_OK) == 0; }

// Until the file is there, or nobody can be waiting any more.
int wait_for_file(const std::string& file) {
  const auto deadline = clock_type::now() + patience;
  while (!exists(file) && clock_type::now() < deadline) std::this_thread::yield();
  return exists(file) ? 1 : 0;
}

struct offer {
  int process = 0;
  std::vector<object_ref<int>> refs;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& process& refs;
  }
};

// A value that this process put, and one that a task of it will make once the file is there.
offer make_offer(const std::string& gate) {
  return {::getpid(), {mobula::put(7), remote<wait_for_file>(gate)}};
}

std::string outcome_of(const object_ref<int>& one) {
  try {
    return std::to_string(get(one, patience));
  } catch (const mobula::owner_died&) {
    return "owner_died";
  } catch (const mobula::error& other) {
    return other.what();
  }
}

std::string take_first(const offer& given) { return outcome_of(given.refs.front()); }

int wait_within(const std::string& begun, const std::string& gate) {
  write_line(begun, ::getpid());
  return get(remote<wait_for_file>(gate));
}

struct soldier {
  soldier() = default;
  explicit soldier(bool lives) {
    if (!lives) ::raise(SIGKILL);
  }
  int process() { return ::getpid(); }
  int answer(int value) { return value; }
  int fall() { return ::raise(SIGKILL); }
  offer give(const std::string& gate) { return make_offer(gate); }
  std::string wait_for_last(const offer& given) { return outcome_of(given.refs.back()); }
};

// ---- the tests' means

std::vector<int> lines_of(const std::string& file) {
  std::ifstream in{file};
  std::vector<int> all;
  for (int one = 0; in >> one;) all.push_back(one);
  return all;
}

template <class Error, class T>
std::string text_of(const object_ref<T>& ref) {
  try {
    get(ref, patience);
  } catch (const Error& died) {
    return died.what();
  } catch (const std::exception& other) {
    ADD_FAILURE() << "another error: " << other.what();
    return {};
  }
  ADD_FAILURE() << "a value instead of an error";
  return {};
}

template <class Done>
bool comes_true(Done done) {
  const auto deadline = clock_type::now() + patience;
  while (!done()) {
    if (clock_type::now() >= deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

bool has_ended(int process) { return ::kill(process, 0) != 0; }

double total_cpus() { return mobula::cluster_resources()["cpus"]; }

bool all_is_free() {
  return comes_true([] { return mobula::available_resources()["cpus"] == total_cpus(); });
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// ---- workers

TEST(WorkerDied, IsTheValueOfATaskWhoseProcessIsKilled) {
  EXPECT_PRED2(contains, text_of<mobula::worker_died>(remote<kill_oneself>()), "signal 9");
}

TEST(WorkerDied, IsTheValueOfATaskThatAborts) {
  EXPECT_PRED2(contains, text_of<mobula::worker_died>(remote<abort_oneself>()), "signal 6");
}

TEST(WorkerDied, IsTheValueOfATaskThatLeavesItsProcess) {
  EXPECT_PRED2(contains, text_of<mobula::worker_died>(remote<leave_with>(0)), "status 0");
  EXPECT_PRED2(contains, text_of<mobula::worker_died>(remote<leave_with>(41)), "status 41");
}

TEST(WorkerDied, FailsWhatNeedsTheResultWithoutRunningIt) {
  auto lost = remote<kill_oneself>();
  auto dependent = remote<add>(lost, 1);
  text_of<mobula::worker_died>(remote<add>(dependent, 1));
  text_of<mobula::worker_died>(lost);
}

TEST(WorkerDied, LeavesTheJobWhole) {
  EXPECT_TRUE(all_is_free());
  std::vector<object_ref<int>> sums;
  for (int i = 0; i < 20; ++i) sums.push_back(remote<add>(i, i));
  const auto values = get(sums, patience);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], 2 * i);
}

// Eight tasks go to a worker together; what stood behind the one that crashed runs elsewhere, once.
TEST(WorkerDied, DoesNotHarmSevenInnocentsBehindACrashThreeTimes) {
  const temporary_folder folder;
  for (int time = 0; time < 3; ++time) {
    // Short tasks, so that owners come to push many to a worker at once.
    std::vector<object_ref<int>> warm;
    for (int i = 0; i < 300; ++i) warm.push_back(remote<add>(i, 1));
    get(warm, patience);
    const std::string witness = folder.path() / ("witness" + std::to_string(time));
    std::vector<object_ref<int>> innocents;
    auto crash = remote<kill_oneself>();
    for (int i = 0; i < 7 * cpus; ++i) innocents.push_back(remote<write_line>(witness, i));
    text_of<mobula::worker_died>(crash);
    const auto values = get(innocents, patience);
    std::vector<int> expected;
    for (int i = 0; i < 7 * cpus; ++i) {
      EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
      expected.push_back(i);
    }
    auto lines = lines_of(witness);
    std::ranges::sort(lines);
    EXPECT_EQ(lines, expected) << "each ran once";
  }
}

TEST(WorkerDied, IsTheValueOfATaskThatWaitedForAnother) {
  const temporary_folder folder;
  const std::string begun = folder.path() / "begun";
  const std::string gate = folder.path() / "gate";
  auto waiting = remote<wait_within>(begun, gate);
  ASSERT_TRUE(comes_true([&] { return !lines_of(begun).empty(); }));
  ::kill(lines_of(begun).front(), SIGKILL);
  text_of<mobula::worker_died>(waiting);
  write_line(gate, 0);
  EXPECT_TRUE(all_is_free());
}

TEST(WorkerDied, LeavesItsLargeResultsToThoseWhoNeedThem) {
  auto made = remote<large>('x');
  ASSERT_EQ(get(remote<size_of>(made), patience), std::size_t{1} << 20);
  // Every worker that is idle now, the maker among them.
  std::vector<object_ref<int>> asked;
  for (int i = 0; i < 4 * cpus; ++i) asked.push_back(remote<own_process>());
  const auto processes = get(asked, patience);
  for (const int process : std::set<int>{processes.begin(), processes.end()})
    ::kill(process, SIGKILL);
  const auto bytes = get(made, patience);
  EXPECT_EQ(std::ranges::count(bytes, 'x'), 1 << 20);
  EXPECT_EQ(get(remote<size_of>(made), patience), std::size_t{1} << 20);
}

// ---- actors

TEST(ActorDied, IsTheValueOfTheCallInWhichItDiesAndOfThoseAfterIt) {
  auto one = mobula::actor<soldier>();
  auto other = mobula::actor<soldier>();
  EXPECT_EQ(get(one.call<&soldier::answer>(5), patience), 5);
  auto fatal = one.call<&soldier::fall>();
  auto behind = one.call<&soldier::answer>(6);
  EXPECT_PRED2(contains, text_of<mobula::actor_died>(fatal), "signal 9");
  text_of<mobula::actor_died>(behind);
  text_of<mobula::actor_died>(one.call<&soldier::answer>(7));
  EXPECT_EQ(get(other.call<&soldier::answer>(8), patience), 8);
}

TEST(ActorDied, IsTheValueOfEveryCallIfItsConstructorIsKilled) {
  auto never = mobula::actor<soldier>(false);
  EXPECT_PRED2(contains, text_of<mobula::actor_died>(never.call<&soldier::answer>(1)), "signal 9");
  text_of<mobula::actor_died>(never.call<&soldier::answer>(2));
}

TEST(ActorDied, IsTheValueForThoseWhoWereGivenTheHandle) {
  auto one = mobula::actor<soldier>();
  const int process = get(one.call<&soldier::process>(), patience);
  ::kill(process, SIGKILL);
  text_of<mobula::actor_died>(one.call<&soldier::answer>(1));
  auto asked = remote<[](actor_handle<soldier> whom) {
    try {
      return std::to_string(get(whom.call<&soldier::answer>(1), patience));
    } catch (const mobula::actor_died&) {
      return std::string{"actor_died"};
    }
  }>(one);
  EXPECT_EQ(get(asked, patience), "actor_died");
}

TEST(ActorDied, GivesBackWhatItHeld) {
  auto one = mobula::actor<soldier>.with({.cpus = 2})();
  get(one.call<&soldier::answer>(1), patience);
  text_of<mobula::actor_died>(one.call<&soldier::fall>());
  EXPECT_TRUE(all_is_free());
}

// ---- owners

// `offered` came from a process that dies now, while somebody elsewhere waits for what it owns.
void expect_owner_died(const object_ref<offer>& promised) {
  const offer offered = get(promised, patience);
  // An actor, so as to be in another process.
  auto elsewhere = mobula::actor<soldier>();
  auto waiting = elsewhere.call<&soldier::wait_for_last>(promised);
  EXPECT_FALSE(mobula::wait(std::vector{waiting}, {.timeout = 100ms}).ready.size());
  ::kill(offered.process, SIGKILL);
  text_of<mobula::owner_died>(offered.refs[1]);
  EXPECT_EQ(get(waiting, patience), "owner_died");
  ASSERT_TRUE(comes_true([&] { return has_ended(offered.process); }));
  text_of<mobula::owner_died>(offered.refs[0]);
  // Those who hear of the ref after its owner's end, in processes old and new.
  for (int i = 0; i < 2 * cpus; ++i)
    EXPECT_EQ(get(remote<take_first>(promised), patience), "owner_died");
}

TEST(OwnerDied, IsTheValueOfWhatATaskLeftBehind) {
  const temporary_folder folder;
  const std::string gate = folder.path() / "gate";
  expect_owner_died(remote<make_offer>(gate));
  write_line(gate, 0);
  EXPECT_TRUE(all_is_free());
}

TEST(OwnerDied, IsTheValueOfWhatAnActorLeftBehind) {
  const temporary_folder folder;
  const std::string gate = folder.path() / "gate";
  auto one = mobula::actor<soldier>();
  expect_owner_died(one.call<&soldier::give>(gate));
  write_line(gate, 0);
  EXPECT_TRUE(all_is_free());
}

TEST(OwnerDied, ComesToAProcessThatDecodesTheRefAfterwards) {
  const temporary_folder folder;
  const std::string gate = folder.path() / "gate";
  auto promised = remote<make_offer>(gate);
  const int process = get(remote<[](const offer& one) { return one.process; }>(promised), patience);
  ::kill(process, SIGKILL);
  ASSERT_TRUE(comes_true([&] { return has_ended(process); }));
  const offer offered = get(promised, patience);
  text_of<mobula::owner_died>(offered.refs[0]);
  text_of<mobula::owner_died>(offered.refs[1]);
  write_line(gate, 0);
  EXPECT_TRUE(all_is_free());
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const mobula::runtime runtime(argc, argv, {.cpus = cpus});
  return RUN_ALL_TESTS();
}
