#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "api/in_place_backend.hpp"
#include "mobula/errors.hpp"

// Large values are written straight to where they go: no memory as large as they are is taken on
// the way, whatever they are made of.

namespace {

// The largest piece of memory that was asked for since it was 0.
std::atomic<std::size_t> largest{0};

// Not to be seen through: compilers warn of what is not the pair that they know.
[[gnu::noinline]] void release(void* gone) { std::free(gone); }

[[gnu::noinline]] void* allocate(std::size_t size, std::size_t alignment) {
  for (std::size_t before = largest; before < size && !largest.compare_exchange_weak(before, size);)
    continue;
  void* const made = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (made == nullptr) throw std::bad_alloc{};
  return made;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t to) {
  return allocate(size, static_cast<std::size_t>(to));
}
void* operator new[](std::size_t size, std::align_val_t to) {
  return allocate(size, static_cast<std::size_t>(to));
}
void operator delete(void* gone) noexcept { release(gone); }
void operator delete[](void* gone) noexcept { release(gone); }
void operator delete(void* gone, std::size_t) noexcept { release(gone); }
void operator delete[](void* gone, std::size_t) noexcept { release(gone); }
void operator delete(void* gone, std::align_val_t) noexcept { release(gone); }
void operator delete[](void* gone, std::align_val_t) noexcept { release(gone); }
void operator delete(void* gone, std::size_t, std::align_val_t) noexcept { release(gone); }
void operator delete[](void* gone, std::size_t, std::align_val_t) noexcept { release(gone); }

namespace mobula {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

/// Written by its serialize, as a whole and in pieces.
struct field {
  std::vector<double> values;
  std::map<int, std::string> names;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& values& names;
  }
  bool operator==(const field&) const = default;
};

field make_field() {
  field made;
  made.values.assign(2 * mib, 1.5);
  for (int i = 0; i < 200'000; ++i) made.names[i] = "the name of number " + std::to_string(i);
  return made;
}

/// Writes `value` as put and calls do. @returns the largest piece of memory that it took
template <class T>
std::size_t taken_for(const T& value, std::vector<std::byte>& written) {
  detail::encoder bytes;
  const auto write = [&] { detail::encode_lasting<T>(bytes, value); };
  largest = 0;
  bytes.write_with<true>(write);
  const std::size_t on_the_way = largest;
  written.resize(bytes.size());
  largest = 0;
  bytes.copy_to(written.data());
  return std::max<std::size_t>(on_the_way, largest);
}

template <class T>
void expect_straight(const T& value) {
  std::vector<std::byte> written;
  EXPECT_LE(taken_for(value, written), 2 * mib) << "of " << written.size();
  EXPECT_GT(written.size(), 4 * mib);
  detail::decoder from{written};
  EXPECT_TRUE(detail::decode<T>(from) == value);
  EXPECT_EQ(from.left(), 0U);
}

TEST(LargeValues, TakeNoMemoryOfTheirSizeOnTheWay) {
  expect_straight(make_field());
  expect_straight(make_field().names);
  expect_straight(std::vector<double>(2 * mib, 2.5));
  expect_straight(std::vector<std::vector<double>>(100'000, std::vector<double>(10, 1.0)));
  expect_straight(std::vector<std::string>(200'000, "a string of some length, not in place"));
  expect_straight(std::vector<field>(3, make_field()));
}

// Large pieces that last, then many small ones, and the other way round.
TEST(LargeValues, MayBeMixedWithSmallOnes) {
  std::vector<std::vector<double>> mixed;
  for (std::size_t i = 0; i < 200'000; ++i)
    mixed.emplace_back(i % 50'000 == 7 ? mib / 8 : 4, static_cast<double>(i));
  expect_straight(mixed);
}

TEST(LargeValues, ArriveAsTheyWereByEveryWay) {
  const field value = make_field();
  EXPECT_TRUE(get(put(value)) == value);
  EXPECT_TRUE(get(remote<[](field given) { return given; }>(value)) == value);
  EXPECT_TRUE(get(remote<[](int, field given, std::string) { return given; }>(1, value, "text")) ==
              value);
  const auto [first, second] = remote<[](field given) {
                                 return std::tuple{given, given.names};
                               }>.split(value);
  EXPECT_TRUE(get(first) == value);
  EXPECT_TRUE(get(second) == value.names);
}

/// Writes something else each time.
struct fickle {
  std::vector<std::string> lines = std::vector<std::string>(100'000, "a line of text, say");
  bool grows = false;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& lines;
    grows ? lines.push_back("one more") : lines.pop_back();
  }
};

TEST(LargeValues, ThatAreNotTheSameTheSecondTimeAreRefusedInWords) {
  for (const bool grows : {false, true}) {
    fickle value;
    value.grows = grows;
    try {
      put(value);
      FAIL() << "it was put";
    } catch (const error& refused) {
      EXPECT_NE(std::string_view{refused.what()}.find("does not write the same each time"),
                std::string_view::npos)
          << refused.what();
    }
  }
}

/// Can't be written twice: what it is made from is moved into it.
struct owned_text {
  std::unique_ptr<std::string> text;
  owned_text() = default;
  explicit(false) owned_text(std::unique_ptr<std::string> given) : text{std::move(given)} {}
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& text;
  }
};

TEST(LargeValues, ThatAreMovedIntoTheirParameterAreWrittenOnce) {
  auto text = std::make_unique<std::string>(3 * mib, 't');
  const auto size = remote<[](owned_text given) { return given.text->size(); }>(std::move(text));
  EXPECT_EQ(get(size), 3 * mib);
}

// Their containers claim to be copied, and can't be.
TEST(LargeValues, OfMoveOnlyPartsConvertWhereTheyAreMovedIn) {
  std::vector<std::unique_ptr<int>> several;
  several.push_back(std::make_unique<int>(3));
  const auto size = remote<[](std::optional<std::vector<std::unique_ptr<int>>> given) {
    return given ? given->size() : 0;
  }>(std::move(several));
  EXPECT_EQ(get(size), 1U);
}

}  // namespace
}  // namespace mobula
