#include "launch/settings.hpp"

#include <gmock/gmock.h>

#include <set>

namespace mobula::launch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const environment& variables) {
  try {
    read_settings(variables);
  } catch (const start_error& error) {
    return error.what();
  }
  return {};
}

TEST(Settings, DefaultWhenNothingIsSet) {
  const settings got = read_settings({"PATH=/bin", "HOME=/root"});
  EXPECT_FALSE(got.cpus.has_value());
  EXPECT_FALSE(got.gpus.has_value());
  EXPECT_EQ(got.ranks_per_node, 0U);
  EXPECT_EQ(got.wait, wait_mode::automatic);
  EXPECT_EQ(got.deadlock_after_ms, 10'000U);
  EXPECT_FALSE(got.dump_store);
  EXPECT_TRUE(got.bind);
  EXPECT_FALSE(got.reserved_cores.has_value());
}

TEST(Settings, TakeEveryVariable) {
  const settings got =
      read_settings({"MOBULA_CPUS=2.5", "MOBULA_GPUS=4", "MOBULA_RANKS_PER_NODE=3",
                     "MOBULA_WAIT=block", "MOBULA_STORE_BYTES=8GiB", "MOBULA_DEADLOCK_AFTER_MS=250",
                     "MOBULA_DUMP_STORE=1", "MOBULA_BIND=0", "MOBULA_RESERVED_CORES=2"});
  EXPECT_EQ(got.cpus, 2.5);
  EXPECT_EQ(got.gpus, 4.0);
  EXPECT_EQ(got.ranks_per_node, 3U);
  EXPECT_EQ(got.wait, wait_mode::block);
  EXPECT_EQ(got.store_bytes, 8ULL << 30);
  EXPECT_EQ(got.deadlock_after_ms, 250U);
  EXPECT_TRUE(got.dump_store);
  EXPECT_FALSE(got.bind);
  EXPECT_EQ(got.reserved_cores, 2U);
}

TEST(Settings, RefuseAnUnknownNameWithTheNearestKnown) {
  const std::string text = refusal({"MOBULA_CPU=2"});
  EXPECT_THAT(text, HasSubstr("MOBULA_CPU,"));
  EXPECT_THAT(text, HasSubstr("MOBULA_CPUS"));
  EXPECT_THAT(refusal({"MOBULA_RANK_PER_NODE=2"}), HasSubstr("MOBULA_RANKS_PER_NODE"));
  EXPECT_THAT(refusal({"MOBULA_WIAT=spin"}), HasSubstr("MOBULA_WAIT"));
}

TEST(Settings, LeaveUcxItsOwn) { EXPECT_NO_THROW(read_settings({"MOBULA_UCX_TLS=tcp"})); }

TEST(Settings, LeaveWhereMobulaIsInstalledToOthers) {
  EXPECT_NO_THROW(read_settings({"MOBULA_ROOT=/opt/mobula", "MOBULA_DIR=/opt", "MOBULA_HOME=/opt",
                                 "MOBULA_PREFIX=/opt", "MOBULA_VERSION=0.1"}));
}

TEST(Settings, RefuseABadValueInASentence) {
  EXPECT_THAT(refusal({"MOBULA_WAIT=sometimes"}), HasSubstr("spin, auto or block"));
  for (const char* bad :
       {"MOBULA_CPUS=", "MOBULA_CPUS=-1", "MOBULA_CPUS=two", "MOBULA_CPUS=nan", "MOBULA_CPUS=1e99",
        "MOBULA_RANKS_PER_NODE=0", "MOBULA_STORE_BYTES=8GX", "MOBULA_STORE_BYTES=0",
        "MOBULA_DUMP_STORE=yes", "MOBULA_DEADLOCK_AFTER_MS=0", "MOBULA_DEADLOCK_AFTER_MS=1s",
        "MOBULA_BIND=maybe", "MOBULA_RESERVED_CORES=-1", "MOBULA_RESERVED_CORES=1.5",
        "MOBULA_RESERVED_CORES=nan", "MOBULA_CPUS"}) {
    EXPECT_NE(refusal({bad}), "") << bad;
  }
}

TEST(SettingsOfAJob, AreRankZerosUnlessTheRankHasItsOwn) {
  const environment first = users_settings({"PATH=/bin", "MOBULA_CPUS=2", "MOBULA_WAIT=spin",
                                            "MOBULA_UCX_TLS=tcp", "MOBULA_ROLE=worker"});
  EXPECT_THAT(first, ElementsAre("MOBULA_CPUS=2", "MOBULA_WAIT=spin", "MOBULA_UCX_TLS=tcp"));
  EXPECT_THAT(settings_of_job({"HOME=/root", "MOBULA_CPUS=3"}, first),
              ElementsAre("HOME=/root", "MOBULA_CPUS=3", "MOBULA_WAIT=spin", "MOBULA_UCX_TLS=tcp"));
}

TEST(SettingsOfAJob, CutIntoNodesInOneWay) {
  const environment twos{"MOBULA_RANKS_PER_NODE=2"};
  EXPECT_EQ(settings_of_job({}, twos), twos);
  EXPECT_EQ(settings_of_job(twos, twos), twos);
  EXPECT_THROW(settings_of_job({"MOBULA_RANKS_PER_NODE=3"}, twos), start_error);
  EXPECT_THROW(settings_of_job(twos, {}), start_error);
  // What a node beats by the others must expect.
  EXPECT_THROW(settings_of_job({"MOBULA_NODE_TIMEOUT_MS=0"}, {}), start_error);
}

TEST(Settings, KnowEachNameOnceAndSayWhatItMeans) {
  std::set<std::string_view> names;
  for (const setting_row& row : setting_table()) {
    EXPECT_TRUE(row.name.starts_with("MOBULA_"));
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.meaning.empty()) << row.name;
    EXPECT_EQ(row.internal, row.take == nullptr) << row.name;
  }
}

TEST(ParseBytes, ReadsUnitsAndRefusesWhatDoesNotFit) {
  EXPECT_EQ(parse_bytes("1024"), 1024U);
  EXPECT_EQ(parse_bytes("3K"), 3072U);
  EXPECT_EQ(parse_bytes("2MB"), 2U << 20);
  EXPECT_EQ(parse_bytes("5B"), 5U);
  EXPECT_EQ(parse_bytes("16777216T"), std::nullopt);
  EXPECT_EQ(parse_bytes("99999999999999999999"), std::nullopt);
  EXPECT_EQ(parse_bytes(""), std::nullopt);
  EXPECT_EQ(parse_bytes("-1"), std::nullopt);
  EXPECT_EQ(parse_bytes("1KK"), std::nullopt);
}

}  // namespace
}  // namespace mobula::launch
