#include "launch/seats.hpp"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "launch/processes.hpp"
#include "launch/seat.hpp"

namespace mobula::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using tests::comes_true;
using tests::is_alive;

child_recipe common() {
  child_recipe recipe;
  recipe.arguments = {"launch_test"};
  recipe.variables = this_environment();
  return recipe;
}

/// A scheduler of rank 0's node, in this process; other ranks are children.
class Seats : public ::testing::Test, public seats_listener {
 protected:
  Seats() : door_{seat_door::open()}, address_{door_.address()} {
    under_test_.emplace(0, common(), std::move(door_));
  }

  void seat_joined(std::uint32_t rank) override { joined_.push_back(rank); }
  void seat_lost(std::uint32_t rank) override { lost_.push_back(rank); }
  void child_ended(std::uint32_t incarnation, const std::string& how) override {
    ended_[incarnation] = how;
  }
  void children_fail(const std::string& how) override { hopeless_.push_back(how); }

  /// Polls, asleep in between, until the condition holds.
  bool until(const std::function<bool()>& condition) {
    return comes_true([&] {
      if (condition()) return true;
      pollfd one{under_test_->descriptor(), POLLIN, 0};
      ::poll(&one, 1, 50);
      under_test_->poll(*this);
      return condition();
    });
  }

  /// A rank that serves as a seat.
  child& add_seat(std::uint32_t rank) {
    child_recipe recipe = common();
    recipe.start = "seat " + address_.encode() + " " + std::to_string(rank);
    ranks_.push_back(std::make_unique<child>(recipe));
    const std::size_t expected = joined_.size() + 1;
    EXPECT_TRUE(until([&] { return joined_.size() == expected; }));
    return *ranks_.back();
  }

  /// Starts a child that stays, and waits until it is known.
  pid_t start_one(std::uint32_t incarnation) {
    under_test_->start(incarnation, "stay");
    EXPECT_TRUE(until([&] { return under_test_->pid_of(incarnation) != 0; }));
    return under_test_->pid_of(incarnation);
  }

  /// The parent of a process.
  static pid_t parent_of(pid_t pid) {
    const std::string file = "/proc/" + std::to_string(pid) + "/stat";
    std::FILE* stat = std::fopen(file.c_str(), "r");
    int parent = 0;
    if (stat == nullptr) return 0;
    if (std::fscanf(stat, "%*d (%*[^)]) %*c %d", &parent) != 1) parent = 0;
    std::fclose(stat);
    return parent;
  }

  seat_door door_;
  seat_address address_;
  std::optional<seats> under_test_;
  std::vector<std::unique_ptr<child>> ranks_;
  std::vector<std::uint32_t> joined_;
  std::vector<std::uint32_t> lost_;
  std::map<std::uint32_t, std::string> ended_;
  std::vector<std::string> hopeless_;
};

TEST_F(Seats, OfOneRankStartTheirOwnChildren) {
  const pid_t pid = start_one(2);
  EXPECT_TRUE(is_alive(pid));
  EXPECT_EQ(parent_of(pid), ::getpid());
  under_test_->signal(2, SIGKILL);
  ASSERT_TRUE(until([&] { return ended_.contains(2); }));
  EXPECT_EQ(ended_[2], "killed by signal 9 (Killed)");
  EXPECT_EQ(under_test_->child_count(), 0U);
}

TEST_F(Seats, SpreadChildrenEvenly) {
  add_seat(1);
  add_seat(2);
  std::map<pid_t, int> of_parent;
  for (std::uint32_t incarnation = 2; incarnation < 8; ++incarnation) {
    ++of_parent[parent_of(start_one(incarnation))];
  }
  EXPECT_THAT(of_parent,
              UnorderedElementsAre(std::pair{::getpid(), 2}, std::pair{ranks_[0]->pid(), 2},
                                   std::pair{ranks_[1]->pid(), 2}));
}

TEST_F(Seats, TellHowAChildElsewhereEnded) {
  add_seat(1);
  start_one(2);  // here
  under_test_->start(3, "exit 5");
  ASSERT_TRUE(until([&] { return ended_.contains(3); }));
  EXPECT_EQ(ended_[3], "exited with status 5");
  const pid_t pid = start_one(4);
  EXPECT_EQ(parent_of(pid), ranks_[0]->pid());
  under_test_->signal(4, SIGINT);
  ASSERT_TRUE(until([&] { return ended_.contains(4); }));
  EXPECT_EQ(ended_[4], "killed by signal 2 (Interrupt)");
  EXPECT_FALSE(is_alive(pid));
}

TEST_F(Seats, TellTheChildrensEndsOfASeatThatDies) {
  child& seat = add_seat(1);
  start_one(2);
  const pid_t first = start_one(3);
  start_one(4);
  const pid_t second = start_one(5);
  ASSERT_EQ(parent_of(first), seat.pid());
  ASSERT_EQ(parent_of(second), seat.pid());
  seat.signal(SIGKILL);
  ASSERT_TRUE(until([&] { return ended_.size() == 2; }));
  // Told only when certain.
  EXPECT_FALSE(is_alive(first));
  EXPECT_FALSE(is_alive(second));
  EXPECT_THAT(lost_, ElementsAre(1));
  EXPECT_THAT(ended_[3], HasSubstr("rank 1"));
  EXPECT_THAT(hopeless_, IsEmpty());
  // The others go on, and new ones start here.
  EXPECT_EQ(parent_of(start_one(6)), ::getpid());
}

TEST_F(Seats, DismissedLeaveWithTheirChildren) {
  child& seat = add_seat(1);
  start_one(2);
  const pid_t pid = start_one(3);
  under_test_->dismiss();
  EXPECT_TRUE(seat.wait().good());
  EXPECT_FALSE(is_alive(pid));
}

TEST_F(Seats, LeaveWhenTheirSchedulerIsGone) {
  child& seat = add_seat(1);
  start_one(2);
  const pid_t elsewhere = start_one(3);
  under_test_.reset();
  EXPECT_EQ(seat.wait().text(), "exited with status 9");
  EXPECT_FALSE(is_alive(elsewhere));
}

TEST_F(Seats, GiveUpAfterThreeInARowThatNeverEntered) {
  for (std::uint32_t incarnation = 2; incarnation < 4; ++incarnation) {
    under_test_->start(incarnation, "exit 1");
    ASSERT_TRUE(until([&] { return ended_.contains(incarnation); }));
  }
  // One that enters says that it can be done.
  start_one(4);
  under_test_->entered(4);
  under_test_->signal(4, SIGKILL);
  ASSERT_TRUE(until([&] { return ended_.contains(4); }));
  for (std::uint32_t incarnation = 5; incarnation < 8; ++incarnation) {
    EXPECT_THAT(hopeless_, IsEmpty());
    under_test_->start(incarnation, "exit 1");
    ASSERT_TRUE(until([&] { return ended_.contains(incarnation); }));
  }
  EXPECT_THAT(hopeless_, ElementsAre("exited with status 1"));
}

// At the end of a job some workers may only just be starting.
TEST_F(Seats, DoNotGiveUpOverThoseThatTheyEndedThemselves) {
  for (std::uint32_t incarnation = 2; incarnation < 6; ++incarnation) {
    start_one(incarnation);
    under_test_->signal(incarnation, SIGKILL);
    ASSERT_TRUE(until([&] { return ended_.contains(incarnation); }));
  }
  EXPECT_THAT(hopeless_, IsEmpty());
}

TEST_F(Seats, LetNobodyInWithoutTheToken) {
  record_channel stranger = knock(address_);
  stranger.send({encode_record(seat_join{1, "guess"}), {}});
  record_channel vandal = knock(address_);
  vandal.send({std::string(1000, '\xff'), {}});
  const auto closed = [](record_channel& one) {
    record_channel::record record;
    return one.receive(record) == record_channel::outcome::closed;
  };
  bool first = false;
  bool second = false;
  EXPECT_TRUE(until([&] {
    first = first || closed(stranger);
    second = second || closed(vandal);
    return first && second;
  }));
  EXPECT_THAT(joined_, IsEmpty());
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(Seats, DropASeatThatTalksNonsense) {
  record_channel seat = knock(address_);
  seat.send({encode_record(seat_join{1, address_.token}), {}});
  seat.send({encode_record(seat_ended{77, exit_status::how::exited, 0}), {}});
  seat.send({encode_record(seat_leave{}), {}});
  EXPECT_TRUE(until([&] { return !lost_.empty(); }));
  EXPECT_THAT(joined_, ElementsAre(1));
  EXPECT_THAT(ended_, IsEmpty());
}

/// Two ends of a connection.
std::pair<record_channel, record_channel> connected() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    std::abort();
  }
  return {record_channel{descriptor{ends[0]}}, record_channel{descriptor{ends[1]}}};
}

TEST(RecordChannel, KeepsWhatFindsNoRoom) {
  auto ends = connected();
  record_channel& from = ends.first;
  record_channel& to = ends.second;
  // More than any socket's buffer holds.
  constexpr std::size_t count = 1000;
  for (std::size_t i = 0; i < count; ++i) {
    from.send({std::to_string(i) + std::string(20'000, ' '), {}});
  }
  EXPECT_TRUE(from.keeps_some());
  std::size_t next = 0;
  record_channel::record record;
  EXPECT_TRUE(comes_true([&] {
    from.flush();
    while (to.receive(record) == record_channel::outcome::got) {
      EXPECT_EQ(std::stoul(record.bytes), next++);
    }
    return next == count;
  }));
  EXPECT_FALSE(from.keeps_some());
}

TEST(RecordChannel, CarriesADescriptor) {
  auto [from, to] = connected();
  auto [near, far] = connected();
  from.send({"take this", descriptor{::dup(near.descriptor())}});
  record_channel::record record;
  ASSERT_EQ(to.receive(record), record_channel::outcome::got);
  ASSERT_TRUE(record.with);
  record_channel through{std::move(record.with)};
  through.send({"hello", {}});
  ASSERT_EQ(far.receive(record), record_channel::outcome::got);
  EXPECT_EQ(record.bytes, "hello");
  EXPECT_FALSE(record.with);
}

TEST_F(Seats, AChildRunsOnTheThreadsThatItIsGiven) {
  add_seat(1);
  const hardware::thread_set all = hardware::thread_set::of_this_thread();
  hardware::thread_set one;
  one.add(all.list().back());
  std::set<pid_t> parents;
  for (std::uint32_t child = 2; child < 6; ++child) {
    const bool is_bound = child < 4;  // on each seat one of either
    under_test_->start(child, "stay", {}, is_bound ? one : hardware::thread_set{});
    ASSERT_TRUE(until([&] { return under_test_->pid_of(child) != 0; }));
    const pid_t pid = under_test_->pid_of(child);
    parents.insert(parent_of(pid));
    EXPECT_EQ(tests::threads_of(pid), is_bound ? one.text() : all.text());
  }
  EXPECT_EQ(parents.size(), 2U);
}

TEST(SeatAddress, GoesThroughAWord) {
  const seat_address address{"name", "token"};
  const auto got = seat_address::decode(address.encode());
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->name, "name");
  EXPECT_EQ(got->token, "token");
  for (const char* bad : {"", ":", "name:", ":token", "name"}) {
    EXPECT_FALSE(seat_address::decode(bad).has_value()) << bad;
  }
}

TEST(SeatRecords, RefuseEveryPartOfThemselves) {
  const std::string whole = encode_record(seat_start{7, "text", {"A=1"}, "0-3"});
  ASSERT_TRUE(decode_record<seat_start>(whole).has_value());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_record<seat_start>(whole.substr(0, size)).has_value());
  }
  EXPECT_FALSE(decode_record<seat_start>(whole + "x").has_value());
  EXPECT_FALSE(decode_record<seat_join>(whole).has_value());
}

}  // namespace
}  // namespace mobula::launch
