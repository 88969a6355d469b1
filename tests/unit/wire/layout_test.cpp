// The layout of every message, frozen: processes of one job could be of two builds some day, and a
// field that slips is found here, not in a hang. A change that is meant rewrites layouts.txt:
//   WRITE_LAYOUTS=tests/unit/wire/layouts.txt build/dev/tests/wire_test --gtest_filter='Layout.*'

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <type_traits>

#include "wire/all_messages.hpp"

namespace mobula::wire {
namespace {

constexpr std::size_t bytes_per_line = 32;

std::string hex(blob bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % bytes_per_line == 0) text += i == 0 ? "  " : "\n  ";
    constexpr std::string_view digits = "0123456789abcdef";
    const auto byte = std::to_integer<unsigned>(bytes[i]);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text + '\n';
}

std::string all_layouts() {
  std::string text;
  for_each_message([&text]<class Message>(std::string_view name) {
    const auto bytes = encoded(filled<Message>());
    text += std::string{name} + ", type " + std::to_string(static_cast<unsigned>(Message::type)) +
            ", " + std::to_string(bytes.size()) + " bytes\n" + hex(bytes);
  });
  return text;
}

// One entry a message, so that a failure shows only what differs.
std::map<std::string, std::string> by_message(const std::string& text) {
  std::map<std::string, std::string> layouts;
  std::istringstream lines{text};
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(' ')) name = line.substr(0, line.find(','));
    layouts[name] += line + '\n';
  }
  return layouts;
}

TEST(Layout, OfEveryMessageIsTheFrozenOne) {
  const std::string now = all_layouts();
  if (const char* path = std::getenv("WRITE_LAYOUTS")) std::ofstream{path} << now;

  std::ifstream file{MOBULA_SOURCE_DIR "/tests/unit/wire/layouts.txt"};
  ASSERT_TRUE(file) << "the frozen layouts can't be read";
  std::stringstream frozen;
  frozen << file.rdbuf();
  const auto expected = by_message(frozen.str());
  const auto found = by_message(now);
  EXPECT_EQ(expected.size(), found.size());
  for (const auto& [name, layout] : found) {
    const auto old = expected.find(name);
    EXPECT_EQ(layout, old == expected.end() ? "" : old->second) << "the layout of " << name;
  }
}

TEST(Layout, GivesEveryMessageATypeOfItsOwn) {
  std::map<message_type, std::string_view> names;
  for_each_message([&names]<class Message>(std::string_view name) {
    const auto [other, is_new] = names.emplace(Message::type, name);
    EXPECT_TRUE(is_new) << name << " and " << other->second;
  });
  EXPECT_EQ(names.count(message_type{}), 0U) << "0 means: no message";
}

TEST(Layout, LeavesNoPaddingInWhatTravelsAsBytes) {
  static_assert(std::has_unique_object_representations_v<process_id>);
  static_assert(std::has_unique_object_representations_v<task_id>);
  static_assert(std::has_unique_object_representations_v<object_id>);
  static_assert(std::has_unique_object_representations_v<lease_id>);
  static_assert(std::has_unique_object_representations_v<function_id>);
  static_assert(std::has_unique_object_representations_v<caller_id>);
  static_assert(std::has_unique_object_representations_v<location>);
  EXPECT_EQ(sizeof(process_id), 8U);
  EXPECT_EQ(sizeof(object_id), 16U);
  EXPECT_EQ(sizeof(location), 32U);
}

TEST(LayoutDeathTest, HasNoRoomForAFieldOverFourGigabytes) {
  // Never read: only its size matters.
  const std::byte one{};
  task_done done;
  done.results = {&one, std::size_t{1} << 32};
  EXPECT_DEATH(encoded_size(done), "less than 4 GiB 4294967296");
}

}  // namespace
}  // namespace mobula::wire
