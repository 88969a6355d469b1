#include "wire/array_seal.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace mobula::wire {
namespace {

const object_id name{process_id{3, 4}, 5, 6};

std::vector<std::byte> array_of(std::size_t bytes) {
  std::vector<std::byte> object(array_seal::elements_offset + bytes);
  for (std::size_t i = 0; i < bytes; ++i)
    object[array_seal::elements_offset + i] = static_cast<std::byte>(i * 7);
  return object;
}

TEST(ArraySeal, SeesEachByteThatChanges) {
  for (const std::size_t bytes : {0, 1, 31, 32, 33, 100}) {
    auto object = array_of(bytes);
    seal_array(object);
    name_array(object, name);
    EXPECT_FALSE(is_altered(object, name));
    for (std::size_t i = 0; i < bytes; ++i) {
      std::byte& one = object[array_seal::elements_offset + i];
      one ^= std::byte{1};
      EXPECT_TRUE(is_altered(object, name)) << i << " of " << bytes;
      one ^= std::byte{1};
    }
    EXPECT_FALSE(is_altered(object, name));
  }
}

TEST(ArraySeal, SaysNothingOfWhatIsNoneOrHasAnotherName) {
  auto object = array_of(100);
  name_array(object, name);
  EXPECT_EQ(object, array_of(100));
  EXPECT_FALSE(is_altered(object, name));
  seal_array(object);
  object.back() ^= std::byte{1};
  EXPECT_FALSE(is_altered(object, name));
  name_array(object, name);
  EXPECT_TRUE(is_altered(object, name));
  EXPECT_FALSE(is_altered(object, object_id{process_id{3, 4}, 5, 7}));
  EXPECT_FALSE(is_altered(blob{object}.first(60), name));
  EXPECT_FALSE(is_altered({}, name));
}

TEST(ArraySeal, LeavesTheWordAndTheElements) {
  auto object = array_of(100);
  object[0] = std::byte{42};
  const auto before = object;
  seal_array(object);
  name_array(object, name);
  EXPECT_EQ(object[0], before[0]);
  EXPECT_TRUE(std::equal(object.begin() + array_seal::elements_offset, object.end(),
                         before.begin() + array_seal::elements_offset));
}

}  // namespace
}  // namespace mobula::wire
