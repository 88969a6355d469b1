#include "store/array_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/sent_messages.hpp"
#include "wire/array_seal.hpp"
#include "wire/codec.hpp"
#include "wire/reading_messages.hpp"
#include "wire/store_messages.hpp"

namespace mobula::store {
namespace {

using testing::HasSubstr;

using core::encoded;

// Node 3 has one extent, number 2, and in it one sealed array.
class ArrayWatch : public testing::Test {
 protected:
  ArrayWatch() {
    wire::seal_array(array());
    wire::name_array(array(), name);
  }
  std::span<std::byte> array() { return std::span{memory}.subspan(where.offset, where.size_bytes); }
  void alter() { array()[200] ^= std::byte{1}; }
  std::string freed(const wire::location& at) {
    return tested.look(encoded(wire::store_free{name, at}));
  }
  std::string sent(const wire::location& at) {
    return tested.look(encoded(wire::store_pin{1, name, at, wire::pin_way::located, 1}));
  }

  const wire::object_id name{wire::process_id{0, 1}, 5, 6};
  const wire::location where{3, 0, 0, 2, 1, 128, 864};
  std::vector<std::byte> memory = std::vector<std::byte>(4096, std::byte{9});
  array_watch tested{3, [this](std::uint32_t extent) {
                       return extent == 2 ? std::span<const std::byte>{memory}
                                          : std::span<const std::byte>{};
                     }};
};

TEST_F(ArrayWatch, TellsOnceOfAnArrayThatWasAltered) {
  EXPECT_EQ(freed(where), "");
  EXPECT_EQ(sent(where), "");
  alter();
  EXPECT_THAT(sent(where), HasSubstr("object 5.6 of process 0.1, an array of 800 bytes, was found "
                                     "changed on node 3 as it was sent to another node"));
  EXPECT_EQ(sent(where), "");
  EXPECT_EQ(freed(where), "");
}

TEST_F(ArrayWatch, TellsOfWhatIsFreed) {
  alter();
  EXPECT_THAT(freed(where), HasSubstr("as it was freed"));
}

TEST_F(ArrayWatch, SaysNothingOfPlacesThatDoNotHoldTheArray) {
  alter();
  std::vector<wire::location> others(6, where);
  others[0].node = 2;
  others[1].extent = 1;
  others[2].offset = 192;
  others[3].offset = ~std::uint64_t{0} - 63;
  others[4].size_bytes = 1 << 20;
  others[5].size_bytes = 8;
  for (const auto& one : others) {
    EXPECT_EQ(freed(one), "");
    EXPECT_EQ(sent(one), "");
  }
  wire::name_array(array(), wire::object_id{wire::process_id{0, 1}, 5, 7});
  EXPECT_EQ(freed(where), "");
  EXPECT_EQ(tested.look(encoded(wire::store_return{where})), "");
  EXPECT_EQ(tested.look({}), "");
}

}  // namespace
}  // namespace mobula::store
