#include "wire/codec.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace mobula::wire {
namespace {

TEST(Codec, GivesBackWhatWasWritten) {
  lease_request request;
  request.owner = {3, 7};
  request.demand.custom = {{"ssd", 10'000}};
  request.visited = {1, 2};
  std::vector<std::byte> bytes(sizeof(message_type) + encoded_size(request));
  writer room{bytes.data()};
  room.number(lease_request::type);
  encode_part(room, request);
  ASSERT_EQ(room.written(), bytes.size());

  const auto back = decode<lease_request>(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->owner, request.owner);
  EXPECT_EQ(back->demand, request.demand);
  EXPECT_EQ(back->visited, request.visited);
}

}  // namespace
}  // namespace mobula::wire
