// What comes from another process may be anything: cut off, too long, bytes that never were a
// message. A decoder answers "no" and neither reads outside nor reserves what isn't there (run it
// under asan to see that).

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "seed.hpp"
#include "wire/all_messages.hpp"

namespace mobula::wire {
namespace {

// In an allocation of exactly that size, so that a read one byte beyond it is seen.
template <class Message>
bool decodes(blob bytes) {
  const auto copy = std::make_unique<std::byte[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  const auto message = decode<Message>({copy.get(), bytes.size()});
  if (!message) return false;
  // Encoding it again reads all that its fields point to.
  EXPECT_EQ(encoded(*message).size(), bytes.size());
  return true;
}

TEST(Garbage, EveryMessageComesBackAsItWasSent) {
  for_each_message([]<class Message>(std::string_view name) {
    const auto bytes = encoded(filled<Message>());
    const auto back = decode<Message>(bytes);
    ASSERT_TRUE(back) << name;
    EXPECT_EQ(encoded(*back), bytes) << name;
    EXPECT_EQ(type_of(bytes), Message::type) << name;
  });
}

TEST(Garbage, AMessageCutOffAnywhereIsNone) {
  for_each_message([]<class Message>(std::string_view name) {
    const auto bytes = encoded(filled<Message>());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decodes<Message>(blob{bytes}.first(size))) << name << " after " << size;
    }
  });
}

TEST(Garbage, AMessageWithBytesBehindItIsNone) {
  for_each_message([]<class Message>(std::string_view name) {
    auto bytes = encoded(filled<Message>());
    bytes.push_back({});
    EXPECT_FALSE(decodes<Message>(bytes)) << name;
  });
}

TEST(Garbage, AMessageOfAnotherTypeIsNone) {
  for_each_message([]<class Message>(std::string_view name) {
    auto bytes = encoded(filled<Message>());
    bytes[0] ^= std::byte{0x80};
    EXPECT_FALSE(decodes<Message>(bytes)) << name;
  });
}

TEST(Garbage, FlippedBytesGiveAnErrorOrAMessage) {
  std::mt19937_64 random{test_seed()};
  for_each_message([&random]<class Message>(std::string_view) {
    const auto whole = encoded(filled<Message>());
    for (int round = 0; round < 2'000; ++round) {
      auto bytes = whole;
      const auto flips = 1 + random() % 4;
      for (std::uint64_t flip = 0; flip < flips; ++flip) {
        // The type stays: this is about what follows it.
        if (bytes.size() == sizeof(message_type)) continue;
        const auto at = sizeof(message_type) + random() % (bytes.size() - sizeof(message_type));
        bytes[at] = static_cast<std::byte>(random());
      }
      decodes<Message>(bytes);
    }
  });
}

TEST(Garbage, RandomBytesGiveAnErrorOrAMessage) {
  std::mt19937_64 random{test_seed()};
  for_each_message([&random]<class Message>(std::string_view) {
    for (int round = 0; round < 2'000; ++round) {
      std::vector<std::byte> bytes(sizeof(message_type) + random() % 300);
      // Mostly small numbers, so that counts are believed for a while.
      for (auto& byte : bytes) byte = static_cast<std::byte>(random() % 8 ? 0 : random());
      writer{bytes.data()}.number(Message::type);
      decodes<Message>(bytes);
    }
  });
}

TEST(Garbage, ACountBeyondTheMessageReservesNothing) {
  process_ended message;
  message.processes = {{1, 2}};
  auto bytes = encoded(message);
  // 4 billion processes in 12 bytes.
  writer{bytes.data() + sizeof(message_type)}.number(std::uint32_t{0xffff'ffff});
  EXPECT_FALSE(decodes<process_ended>(bytes));
}

TEST(Garbage, AnUnknownEnumeratorIsAnError) {
  object_ready ready;
  ready.value.kind = value_kind{77};
  EXPECT_FALSE(decodes<object_ready>(encoded(ready)));
  task_done done;
  done.status = task_status{77};
  EXPECT_FALSE(decodes<task_done>(encoded(done)));
  lease_request request;
  request.kind = lease_kind{0};
  EXPECT_FALSE(decodes<lease_request>(encoded(request)));
}

TEST(Garbage, PartsInsideAMessageAreCheckedTheSame) {
  std::mt19937_64 random{test_seed()};
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes(random() % 100);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random() % 4 ? 0 : random());
    reader values{bytes};
    while (!values.failed() && !values.rest().empty()) decode_part<value_view>(values);
    reader arguments{bytes};
    while (!arguments.failed() && !arguments.rest().empty()) {
      decode_part<resolved_argument>(arguments);
    }
    reader errors{bytes};
    decode_part<error_value>(errors);
    EXPECT_LE(errors.rest().size(), bytes.size());
  }
}

TEST(Garbage, AListOfIdsOfAnOddLengthIsNotWellFormed) {
  const std::vector<std::byte> bytes(33);
  EXPECT_FALSE(id_list{bytes}.well_formed());
  EXPECT_EQ(id_list{bytes}.size(), 2U);
  EXPECT_TRUE(id_list{blob{bytes}.first(32)}.well_formed());
}

TEST(Garbage, AReaderThatFailedReadsZeroesEverAfter) {
  const std::vector<std::byte> bytes(7, std::byte{0xff});
  reader from{bytes};
  EXPECT_EQ(from.number<std::uint64_t>(), 0U);
  EXPECT_TRUE(from.failed());
  EXPECT_EQ(from.number<std::uint8_t>(), 0U);
  EXPECT_TRUE(from.raw(1).empty());
  EXPECT_FALSE(from.finished());
}

}  // namespace
}  // namespace mobula::wire
