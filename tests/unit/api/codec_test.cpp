#include <gtest/gtest.h>

#include <bitset>
#include <chrono>
#include <complex>
#include <deque>
#include <filesystem>
#include <limits>
#include <list>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "api/in_place_backend.hpp"

// What is written is read again, and what is not written right is refused.

namespace mobula {
namespace {

using in_place::bytes_of;
using in_place::from_bytes;
using in_place::there_and_back;

struct point {
  double x = 0;
  double y = 0;
  bool operator==(const point&) const = default;
};

class no_default {
 public:
  explicit no_default(int a) : a_{a} {}
  int a() const { return a_; }

 private:
  int a_;
};

struct person {
  std::string name;
  std::vector<std::optional<int>> scores;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& name& scores;
  }
  bool operator==(const person&) const = default;
};

template <class T>
void expect_same(const T& value) {
  EXPECT_EQ(there_and_back(value), value);
}

TEST(Codec, BringsBackArithmeticTypesAndEnums) {
  enum class color : std::uint8_t { red, green };
  expect_same(true);
  expect_same('x');
  expect_same(std::numeric_limits<std::int64_t>::min());
  expect_same(std::numeric_limits<long double>::denorm_min());
  expect_same(color::green);
  EXPECT_EQ(bytes_of(1).size(), sizeof(int));
}

TEST(Codec, BringsBackPlainStructs) {
  expect_same(point{1, -0.5});
  EXPECT_EQ(there_and_back(no_default{7}).a(), 7);
  EXPECT_EQ(there_and_back(std::vector{no_default{7}, no_default{8}})[1].a(), 8);
}

TEST(Codec, BringsBackContainers) {
  expect_same(std::vector<int>{});
  expect_same(std::vector<point>{{1, 2}, {3, 4}});
  expect_same(std::vector<bool>{true, false, true});
  expect_same(std::vector<std::vector<std::string>>{{"a", ""}, {}, {std::string(5000, 'x')}});
  expect_same(std::deque<int>{1, 2, 3});
  expect_same(std::list<std::string>{"b", "a"});
  expect_same(std::set<std::string>{"b", "a"});
  expect_same(std::multiset<int>{1, 1, 2});
  expect_same(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  expect_same(std::multimap<int, int>{{1, 2}, {1, 1}});
  expect_same(std::unordered_set<int>{5, 6, 7});
  expect_same(std::unordered_map<std::string, point>{{"a", {1, 2}}, {"b", {3, 4}}});
  expect_same(std::array<int, 3>{1, 2, 3});
  expect_same(std::array<std::string, 2>{"x", "y"});
  expect_same(std::array<int, 0>{});
}

TEST(Codec, BringsBackStringsAndPaths) {
  expect_same(std::string{"with a \0 inside", 15});
  expect_same(std::u16string{u"\u00e4"});
  expect_same(std::filesystem::path{"/usr/../include"});
}

TEST(Codec, BringsBackWhatMayHoldAValue) {
  expect_same(std::pair<int, std::string>{1, "a"});
  expect_same(std::tuple<>{});
  expect_same(std::tuple<int, std::string, point>{1, "a", {2, 3}});
  expect_same(std::optional<std::string>{});
  expect_same(std::optional<std::string>{"x"});
  expect_same(std::variant<std::monostate, int, std::string>{});
  expect_same(std::variant<int, std::string, int>{std::in_place_index<2>, 5});
  EXPECT_EQ(there_and_back(std::unique_ptr<std::string>{}), nullptr);
  EXPECT_EQ(*there_and_back(std::make_unique<std::string>("x")), "x");
  EXPECT_EQ(*there_and_back(std::make_unique<const std::string>("x")), "x");
}

TEST(Codec, BringsBackTimesBitsAndComplexNumbers) {
  using namespace std::chrono_literals;
  expect_same(1500ms);
  expect_same(std::chrono::system_clock::now());
  expect_same(std::complex<double>{1, 2});
  expect_same(std::bitset<70>{0b1011});
}

TEST(Codec, BringsBackTypesWithTheirOwnSerialize) {
  expect_same(person{"Ada", {1, std::nullopt}});
  expect_same(std::map<std::string, person>{{"a", {"Ada", {}}}});
  expect_same(std::vector<person>(3));
}

TEST(Codec, CopiesAVectorOfPlainElementsAtOnce) {
  const std::vector<point> many(1000, point{1, 2});
  EXPECT_EQ(bytes_of(many).size(), sizeof(std::uint64_t) + 1000 * sizeof(point));
}

TEST(Codec, KeepsDoublesAlignedBehindTheirCount) {
  EXPECT_EQ(bytes_of(std::vector<double>{}).size() % alignof(double), 0U);
}

TEST(Codec, BringsElementsBackWhereverTheyBegin) {
  const std::tuple all{std::string{"odd"}, std::vector<double>{1, -2.5}, std::wstring{L"wide"},
                       std::vector<double>{}, std::vector<point>{{1, 2}, {3, 4}}};
  for (std::size_t before = 0; before < 9; ++before)
    expect_same(std::pair{std::vector<char>(before, 'x'), all});
}

TEST(Codec, RefsTravelAsIdsAndAreHeldByTheEncoder) {
  const object_ref<int> ref = put(7);
  const std::vector<object_ref<int>> refs{ref, object_ref<int>{}, ref};
  detail::encoder to;
  detail::encode(to, refs);
  EXPECT_EQ(to.refs().size(), 2U);
  detail::decoder from{to.bytes()};
  EXPECT_EQ(detail::decode<std::vector<object_ref<int>>>(from), refs);
  const std::size_t before = in_place::objects();
  to.clear();
  EXPECT_EQ(to.bytes().size(), 0U);
  EXPECT_EQ(in_place::objects(), before);
}

TEST(Codec, RefsAndHandlesRefuseOtherArchives) {
  struct {
  } foreign;
  object_ref<int> ref = put(7);
  actor_handle<person> handle;
  EXPECT_THROW(ref.serialize(foreign, 0), error);
  EXPECT_THROW(handle.serialize(foreign, 0), error);
}

TEST(Encoder, GrowsFromItsRoomToAnySize) {
  detail::encoder to;
  std::string expected;
  for (std::size_t size = 0; size < 3000; size += 37) {
    const std::string piece(size, static_cast<char>('a' + size % 26));
    to.write(piece.data(), piece.size());
    expected += piece;
  }
  const auto bytes = to.bytes();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), expected);
  to.clear();
  to.number(1);
  EXPECT_EQ(to.bytes().size(), sizeof(int));
}

TEST(Encoder, KeepsLargePiecesThatLastByTheirAddress) {
  std::vector<std::string> all{"first", std::string(detail::encoder::kept_bytes_min, 'a'), "",
                               std::string(3 * detail::encoder::kept_bytes_min, 'b'), "last"};
  detail::encoder to;
  {
    const detail::lasting all_do{to};
    detail::encode(to, all);
  }
  // Seen only now: so it was not copied before.
  all[1].back() = 'c';
  EXPECT_EQ(to.size(), bytes_of(all).size());
  std::string copy(to.size(), 0);
  to.copy_to(reinterpret_cast<std::byte*>(copy.data()));
  EXPECT_EQ(in_place::from_bytes<std::vector<std::string>>(copy), all);
  EXPECT_EQ(in_place::text_of(to), copy);
  detail::encode(to, all[4]);
  EXPECT_EQ(in_place::text_of(to), copy + bytes_of(all[4]));
  to.clear();
  EXPECT_EQ(to.size(), 0U);
}

struct made_while_written {
  std::string all;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    std::string mine = all;
    archive& mine;
    all = mine;
    mine.assign(mine.size(), 'x');
  }
};

// Keeps what an encoder pours into it, and how large the largest piece was.
struct bucket final : detail::byte_sink {
  void take(std::span<const std::byte> bytes) override {
    for (const std::byte one : bytes) text.push_back(static_cast<char>(one));
    largest = std::max(largest, bytes.size());
  }
  std::string text;
  std::size_t largest = 0;
};

template <class T>
bucket poured(const T& value) {
  bucket into;
  detail::encoder bytes;
  bytes.pour_into(into);
  {
    const detail::lasting large_parts{bytes};
    detail::encode<T>(bytes, value);
  }
  bytes.pour_rest();
  return into;
}

TEST(Encoder, PoursTheSameBytesThatItKeeps) {
  const auto expect_poured = [](const auto& value) {
    detail::encoder kept;
    detail::encode<std::remove_cvref_t<decltype(value)>>(kept, value);
    EXPECT_EQ(poured(value).text, in_place::text_of(kept));
  };
  expect_poured(7);
  expect_poured(std::string{});
  expect_poured(std::string(1'000'000, 'x'));
  expect_poured(std::vector<double>(100'000, 0.5));
  expect_poured(
      std::map<std::string, std::vector<int>>{{"a", {1, 2}}, {"b", std::vector<int>(9'999)}});
  expect_poured(person{"somebody", {1, std::nullopt, 3}});
  // Large pieces leave as they are, small ones in one.
  EXPECT_EQ(poured(std::string(1'000'000, 'x')).largest, 1'000'000U);
  EXPECT_LT(poured(std::vector<std::string>(1'000, "short")).largest, 1'000U);
}

TEST(Encoder, CopiesWhatASerializeWritesOfItsOwn) {
  const made_while_written value{std::string(2 * detail::encoder::kept_bytes_min, 'a')};
  detail::encoder to;
  const detail::lasting it_does{to};
  detail::encode(to, std::vector{value});
  const auto back = in_place::from_bytes<std::vector<made_while_written>>(in_place::text_of(to));
  EXPECT_EQ(back.at(0).all, value.all);
}

// Of a container's shape, with elements that exist only while they are looked at.
template <class T>
class made_when_read {
 public:
  using value_type = T;
  using allocator_type = std::allocator<T>;
  class iterator {
   public:
    explicit iterator(const T* at) : at_{at} {}
    T operator*() const { return *at_; }
    iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const iterator& other) const { return at_ != other.at_; }

   private:
    const T* at_;
  };
  std::size_t size() const { return all_.size(); }
  iterator begin() const { return iterator{all_.data()}; }
  iterator end() const { return iterator{all_.data() + all_.size()}; }
  void clear() { all_.clear(); }
  void push_back(T one) { all_.push_back(std::move(one)); }
  const std::vector<T>& all() const { return all_; }

 private:
  std::vector<T> all_;
};

TEST(Encoder, CopiesTheElementsThatAContainerMakes) {
  made_when_read<std::string> value;
  for (const char each : {'a', 'b'})
    value.push_back(std::string(2 * detail::encoder::kept_bytes_min, each));
  detail::encoder to;
  const detail::lasting it_does{to};
  detail::encode(to, value);
  const auto back = in_place::from_bytes<made_when_read<std::string>>(in_place::text_of(to));
  EXPECT_TRUE(back.all() == value.all());
}

TEST(Calls, ALargeResultIsReadBeforeItGoes) {
  const auto ref = remote<[](std::size_t size) { return std::vector<double>(size, 2.5); }>(100'000);
  EXPECT_EQ(get(ref), std::vector<double>(100'000, 2.5));
}

// --- Bytes that are not what they should be ---

TEST(Decoder, RefusesCountsBeyondTheBytesLeft) {
  const std::string much = bytes_of<std::uint64_t>(std::numeric_limits<std::uint64_t>::max());
  EXPECT_THROW(from_bytes<std::string>(much), error);
  EXPECT_THROW(from_bytes<std::vector<double>>(much), error);
  EXPECT_THROW(from_bytes<std::vector<person>>(much), error);
  EXPECT_THROW((from_bytes<std::map<int, int>>(much)), error);
  EXPECT_THROW(from_bytes<std::list<std::string>>(much), error);
  // 2^61 doubles: their size in bytes is 0, modulo 2^64.
  EXPECT_THROW(from_bytes<std::vector<double>>(bytes_of<std::uint64_t>(1ULL << 61)), error);
}

TEST(Decoder, RefusesAlternativesThatAreNone) {
  using either = std::variant<int, std::string>;
  EXPECT_THROW(from_bytes<either>(bytes_of<std::uint32_t>(2)), error);
  EXPECT_THROW(from_bytes<either>(bytes_of<std::uint32_t>(std::variant_npos & 0xffff'ffff)), error);
}

using rich =
    std::tuple<std::vector<std::string>, std::map<int, std::vector<point>>,
               std::optional<std::variant<int, person>>, std::unordered_map<std::string, person>,
               std::array<std::string, 2>, std::vector<bool>>;

rich a_rich_value() {
  return {{"a", "bc", ""},
          {{1, {{1, 2}}}, {2, {}}},
          person{"Ada", {1, std::nullopt, 3}},
          {{"x", {"Bo", {}}}, {"y", {}}},
          {"p", "q"},
          {true, false}};
}

TEST(Decoder, RefusesEveryCutOfAValue) {
  const std::string whole = bytes_of(a_rich_value());
  EXPECT_EQ(from_bytes<rich>(whole), a_rich_value());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(from_bytes<rich>(whole.substr(0, size)), error) << "cut at " << size;
  }
}

TEST(Decoder, SurvivesGarbage) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  const std::string whole = bytes_of(a_rich_value());
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    try {
      static_cast<void>(from_bytes<rich>(bytes));
    } catch (const error&) {
      // Refused; what is not refused must have been a value.
    }
  }
}

}  // namespace
}  // namespace mobula
