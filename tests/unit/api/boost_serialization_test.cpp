#include <gtest/gtest.h>

#include <boost/archive/text_oarchive.hpp>
#include <boost/serialization/array_wrapper.hpp>
#include <boost/serialization/base_object.hpp>
#include <boost/serialization/binary_object.hpp>
#include <boost/serialization/nvp.hpp>
#include <boost/serialization/split_free.hpp>
#include <boost/serialization/split_member.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <boost/serialization/version.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "api/in_place_backend.hpp"

// Types that are written for Boost.Serialization travel as they are.

namespace mobula {

struct in_boosts_namespace {
  std::string text;
};
struct split_outside {
  int value = 0;
  bool loaded = false;
};

namespace {

using in_place::bytes_of;
using in_place::there_and_back;

class hidden {
 public:
  hidden() = default;
  explicit hidden(int value) : value_{value} {}
  int value() const { return value_; }

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& ar, const unsigned int) {
    ar& BOOST_SERIALIZATION_NVP(value_);
  }
  int value_ = 0;
};

struct derived : hidden {
  derived() = default;
  derived(int value, std::string own) : hidden{value}, text{std::move(own)} {}
  std::string text;
  template <class Archive>
  void serialize(Archive& ar, const unsigned int) {
    ar& BOOST_SERIALIZATION_BASE_OBJECT_NVP(hidden);
    ar& boost::serialization::make_nvp("text", text);
  }
};

class halves {
 public:
  std::vector<int> values;
  bool loaded = false;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void save(Archive& ar, const unsigned int) const {
    static_assert(Archive::is_saving::value && !Archive::is_loading::value);
    ar << values;
  }
  template <class Archive>
  void load(Archive& ar, const unsigned int) {
    static_assert(Archive::is_loading::value && !Archive::is_saving::value);
    ar >> values;
    loaded = true;
  }
  BOOST_SERIALIZATION_SPLIT_MEMBER()
};

struct arrays {
  int fixed[3] = {};
  double* rows = storage;
  double storage[2] = {};
  char raw[4] = {};
  template <class Archive>
  void serialize(Archive& ar, const unsigned int) {
    ar& fixed;
    ar& boost::serialization::make_array(rows, 2);
    ar& boost::serialization::make_binary_object(raw, sizeof raw);
  }
  arrays() = default;
  arrays(const arrays& other) { *this = other; }
  arrays& operator=(const arrays& other) {
    std::copy_n(other.fixed, 3, fixed);
    std::copy_n(other.storage, 2, storage);
    std::copy_n(other.raw, 4, raw);
    return *this;
  }
};

struct versioned {
  unsigned seen = 0;
  template <class Archive>
  void serialize(Archive& ar, const unsigned int version) {
    ar& seen;
    seen = version;
  }
};

struct with_ref {
  object_ref<int> ref;
  template <class Archive>
  void serialize(Archive& ar, const unsigned int) {
    ar& ref;
  }
};

}  // namespace
}  // namespace mobula

BOOST_CLASS_VERSION(mobula::versioned, 3)
BOOST_SERIALIZATION_SPLIT_FREE(mobula::split_outside)

namespace boost::serialization {
template <class Archive>
void serialize(Archive& ar, mobula::in_boosts_namespace& value, const unsigned int) {
  ar& value.text;
}
template <class Archive>
void save(Archive& ar, const mobula::split_outside& value, const unsigned int) {
  ar << value.value;
}
template <class Archive>
void load(Archive& ar, mobula::split_outside& value, const unsigned int) {
  ar >> value.value;
  value.loaded = true;
}
}  // namespace boost::serialization

namespace mobula {
namespace {

TEST(BoostSerialization, PrivateMembersAreReachedByItsAccess) {
  EXPECT_EQ(there_and_back(hidden{7}).value(), 7);
}

TEST(BoostSerialization, BasesAndNamedValuesTravel) {
  const derived back = there_and_back(derived{7, "x"});
  EXPECT_EQ(back.value(), 7);
  EXPECT_EQ(back.text, "x");
}

TEST(BoostSerialization, SaveAndLoadMayBeTwoMembers) {
  halves value;
  value.values = {1, 2, 3};
  const halves back = there_and_back(value);
  EXPECT_EQ(back.values, value.values);
  EXPECT_TRUE(back.loaded);
}

TEST(BoostSerialization, FunctionsInItsNamespaceAreFound) {
  EXPECT_EQ(there_and_back(in_boosts_namespace{"x"}).text, "x");
  const split_outside back = there_and_back(split_outside{5, false});
  EXPECT_EQ(back.value, 5);
  EXPECT_TRUE(back.loaded);
}

TEST(BoostSerialization, ArraysAndBytesTravel) {
  arrays value;
  value.fixed[2] = 5;
  value.rows[1] = 0.5;
  value.raw[3] = 'x';
  const arrays back = there_and_back(value);
  EXPECT_EQ(back.fixed[2], 5);
  EXPECT_EQ(back.storage[1], 0.5);
  EXPECT_EQ(back.raw[3], 'x');
  EXPECT_EQ(bytes_of(value).size(), 3 * sizeof(int) + 2 * sizeof(double) + 4);
}

TEST(BoostSerialization, TheClassVersionIsPassed) {
  EXPECT_EQ(there_and_back(versioned{}).seen, 3U);
}

// vector.hpp is included above: whether it is must not change what other files write and read.
TEST(BoostSerialization, ItsHeadersDoNotChangeHowStandardTypesTravel) {
  EXPECT_EQ(detail::form_of<std::vector<std::string>>(), detail::form::none);
  EXPECT_EQ(bytes_of(std::vector<int>{1, 2}).size(), sizeof(std::uint64_t) + 2 * sizeof(int));
}

// serialization.hpp has a generic serialize that is there for every type.
TEST(BoostSerialization, ItsGenericFunctionIsNobodysOwn) {
  struct plain {
    int a;
  };
  struct has_string {
    std::string text;
  };
  EXPECT_EQ(detail::form_of<plain>(), detail::form::bytes);
  EXPECT_EQ(detail::form_of<has_string>(), detail::form::none);
}

TEST(BoostSerialization, ItsArchivesRefuseRefs) {
  const with_ref value{put(1)};
  std::ostringstream out;
  boost::archive::text_oarchive archive{out};
  EXPECT_THROW(archive << value, error);
}

TEST(BoostSerialization, RefsTravelInsideOfStructs) {
  const with_ref value{put(1)};
  EXPECT_EQ(get(there_and_back(value).ref), 1);
}

}  // namespace
}  // namespace mobula
