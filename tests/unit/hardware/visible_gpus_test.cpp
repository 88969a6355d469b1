#include "hardware/visible_gpus.hpp"

#include <gmock/gmock.h>

namespace mobula::hardware {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

gpu whole(const std::string& uuid) {
  gpu one;
  one.uuid = uuid;
  return one;
}
gpu part(const std::string& uuid, const std::string& of) {
  gpu one = whole(uuid);
  one.part_of = of;
  return one;
}

/// Four GPUs; MIG has cut the third.
gpu_list four() {
  gpu_list all;
  all.gpus = {whole("GPU-aa11"), whole("GPU-ab22"), part("MIG-c1", "GPU-cc33"),
              part("MIG-c2", "GPU-cc33"), whole("GPU-dd44")};
  all.numbered = {"GPU-aa11", "GPU-ab22", "GPU-cc33", "GPU-dd44"};
  return all;
}

std::vector<std::string> chosen(std::optional<std::string_view> variable,
                                const gpu_list& of = four()) {
  std::vector<std::string> uuids;
  for (const gpu& one : choose_visible(of, variable).gpus) uuids.push_back(one.uuid);
  return uuids;
}
std::string complaint(std::string_view variable, const gpu_list& of = four()) {
  return choose_visible(of, variable).complaint;
}

TEST(VisibleGpus, WithoutTheVariableAllAre) {
  EXPECT_THAT(chosen(std::nullopt),
              ElementsAre("GPU-aa11", "GPU-ab22", "MIG-c1", "MIG-c2", "GPU-dd44"));
}

TEST(VisibleGpus, NumbersCountWholeGpusAndKeepTheirOrder) {
  EXPECT_THAT(chosen("3,0"), ElementsAre("GPU-dd44", "GPU-aa11"));
  EXPECT_THAT(chosen(" 1 , 3 "), ElementsAre("GPU-ab22", "GPU-dd44"));
}

TEST(VisibleGpus, ANumberOfACutGpuStandsForItsFirstInstance) {
  EXPECT_THAT(chosen("2"), ElementsAre("MIG-c1"));
}

TEST(VisibleGpus, UuidsMayBeShortenedWhileTheyNameOne) {
  EXPECT_THAT(chosen("GPU-dd44"), ElementsAre("GPU-dd44"));
  EXPECT_THAT(chosen("GPU-d"), ElementsAre("GPU-dd44"));
  EXPECT_THAT(chosen("GPU-a"), IsEmpty()) << "two begin so";
  EXPECT_THAT(chosen("GPU-cc33"), ElementsAre("MIG-c1"));
}

TEST(VisibleGpus, InstancesOfMigHaveNames) {
  EXPECT_THAT(chosen("MIG-c2,MIG-c1"), ElementsAre("MIG-c2", "MIG-c1"));
}

TEST(VisibleGpus, WhatSaysNoneIsNone) {
  for (const char* none : {"", " ", "-1", "NoDevFiles"}) {
    EXPECT_THAT(chosen(none), IsEmpty()) << none;
    EXPECT_EQ(complaint(none), "") << none;
  }
}

TEST(VisibleGpus, TheListEndsWhereItIsNotUnderstood) {
  EXPECT_THAT(chosen("0,7,1"), ElementsAre("GPU-aa11"));
  EXPECT_THAT(chosen("nonsense"), IsEmpty());
  EXPECT_THAT(chosen("0x1"), IsEmpty());
  EXPECT_THAT(chosen("1,,0"), ElementsAre("GPU-ab22"));
  EXPECT_THAT(complaint("0,7,1"), HasSubstr("\"7\" is none of this node's GPUs"));
  EXPECT_THAT(complaint("0,7,1"), HasSubstr("those before it alone (1)"));
}

TEST(VisibleGpus, ANegativeNumberEndsTheListOnPurpose) {
  EXPECT_THAT(chosen("1,-1,0"), ElementsAre("GPU-ab22"));
  EXPECT_EQ(complaint("1,-1,0"), "");
}

TEST(VisibleGpus, NoneIsTakenTwice) {
  EXPECT_THAT(chosen("1,0,1,3"), ElementsAre("GPU-ab22", "GPU-aa11"));
  EXPECT_THAT(complaint("1,0,GPU-ab22"), HasSubstr("\"GPU-ab22\" stands there twice"));
}

TEST(VisibleGpus, ThoseClosedToAllAreNot) {
  gpu_list all = four();
  all.gpus[0].mode = compute_mode::prohibited;
  EXPECT_THAT(chosen("0,1", all), ElementsAre("GPU-ab22"));
  EXPECT_THAT(chosen(std::nullopt, all), ElementsAre("GPU-ab22", "MIG-c1", "MIG-c2", "GPU-dd44"));
}

TEST(VisibleGpus, WithoutADriverTheVariableMaySayWhatItLikes) {
  EXPECT_THAT(chosen("0,1", {}), IsEmpty());
  EXPECT_EQ(complaint("0,1", {}), "");
}

TEST(VisibleGpus, WhoKnowsThemMayHaveAppliedItAlready) {
  gpu_list all = four();
  all.is_filtered = true;
  EXPECT_THAT(chosen("3", all),
              ElementsAre("GPU-aa11", "GPU-ab22", "MIG-c1", "MIG-c2", "GPU-dd44"));
}

}  // namespace
}  // namespace mobula::hardware
