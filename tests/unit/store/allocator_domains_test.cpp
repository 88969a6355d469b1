#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "store/allocator.hpp"

// The whole allocator on machines of several memory domains.

namespace mobula::store {
namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;

const numa_distances two{{10, 21}, {21, 10}};
const numa_distances far{{10, 32}, {32, 10}};
const numa_distances pairs{{10, 12, 32, 32}, {12, 10, 32, 32}, {32, 32, 10, 12}, {32, 32, 12, 10}};

class machine {
 public:
  explicit machine(numa_distances distances, std::uint64_t capacity = 64 * mib)
      : tested{{capacity, mib, std::move(distances)}} {}

  std::optional<block> allocate(std::uint64_t size, unsigned domain) {
    const auto made = tested.allocate(size, domain);
    for (const extent_change& one : tested.take_changes()) {
      if (one.what != extent_change::kind::make) continue;
      EXPECT_EQ(one.extent, domain_of_.size());
      domain_of_.push_back(one.domain);
    }
    return made;
  }
  unsigned domain_of(const block& one) const { return domain_of_.at(one.extent); }
  /// In which domain a block of that size lies; a number that is none: there is no room.
  unsigned where(std::uint64_t size, unsigned domain) {
    const auto made = allocate(size, domain);
    return made ? domain_of(*made) : tested.domains();
  }
  /// Blocks of that size, as many as there is room for.
  std::vector<block> fill(std::uint64_t size, unsigned domain) {
    std::vector<block> all;
    while (const auto one = allocate(size, domain)) all.push_back(*one);
    return all;
  }
  void release(const std::vector<block>& all) {
    for (const block& one : all) EXPECT_TRUE(tested.release(one));
  }
  /// Memory of the domain that has been touched, and is free.
  void warm_up(std::uint64_t size, unsigned domain) {
    const auto one = allocate(size, domain);
    ASSERT_TRUE(one && domain_of(*one) == domain);
    release({*one});
  }

  allocator tested;

 private:
  std::vector<unsigned> domain_of_;  // by extent
};

// In extents that blocks share, and in extents of their own.
class AllocatorDomains : public testing::TestWithParam<std::uint64_t> {};

TEST_P(AllocatorDomains, GiveTheirOwnMemoryFirst) {
  machine on{pairs};
  for (int round = 0; round < 3; ++round)
    for (unsigned domain = 0; domain < 4; ++domain) EXPECT_EQ(on.where(GetParam(), domain), domain);
  on.tested.check();
}

TEST_P(AllocatorDomains, UseWhatTheyHaveTouchedAgain) {
  machine on{far};
  on.warm_up(GetParam(), 0);
  on.warm_up(GetParam(), 1);
  for (const unsigned domain : {1U, 0U, 1U}) {
    const auto made = on.allocate(GetParam(), domain);
    ASSERT_TRUE(made);
    EXPECT_EQ(on.domain_of(*made), domain);
    EXPECT_EQ(made->extent, domain);
    on.release({*made});
  }
}

TEST_P(AllocatorDomains, UseWhatANeighbourHasTouchedBeforeFreshMemoryOfTheirOwn) {
  machine near{two};
  near.warm_up(GetParam(), 0);
  EXPECT_EQ(near.where(GetParam(), 1), 0U);
  EXPECT_EQ(near.where(GetParam(), 1), 1U);
  machine distant{far};
  distant.warm_up(GetParam(), 0);
  EXPECT_EQ(distant.where(GetParam(), 1), 1U);
  EXPECT_EQ(distant.where(GetParam(), 0), 0U);
}

TEST_P(AllocatorDomains, HaveNoMemoryOutOfReach) {
  machine on{far};
  const std::uint64_t size = GetParam();
  for (const unsigned domain : {0U, 1U, 0U}) {
    const auto all = on.fill(size, domain);
    EXPECT_EQ(all.size(), 64 * mib / size);
    for (const block& one : all) EXPECT_EQ(on.domain_of(one), domain);
    EXPECT_FALSE(on.allocate(1, 1 - domain));
    on.tested.check();
    on.release(all);
  }
  // Half is in use elsewhere.
  auto there = on.fill(size, 1);
  on.release({there.begin(), there.begin() + static_cast<std::ptrdiff_t>(there.size() / 2)});
  EXPECT_GE(on.fill(size, 0).size() * size, 30 * mib);
  on.tested.check();
}

INSTANTIATE_TEST_SUITE_P(Sizes, AllocatorDomains, testing::Values(512 * kib, 4 * mib));

TEST(AllocatorDomains, PopulateTheirOwnMemoryAhead) {
  machine on{two};
  ASSERT_EQ(on.where(100, 0), 0U);
  for (const unsigned domain : {1U, 0U}) {
    const auto fresh = on.tested.take_fresh(64 * kib, domain);
    ASSERT_FALSE(fresh.empty());
    // That of domain 1 is an extent that was made for it.
    EXPECT_EQ(fresh.front().extent, domain);
  }
  EXPECT_EQ(on.where(32 * kib, 1), 1U);
  on.tested.check();
}

TEST(AllocatorDomains, OfOneDomainAreNothingNew) {
  allocator plain{{64 * mib, mib}};
  allocator one{{64 * mib, mib, {{10}}}};
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t size = static_cast<std::uint64_t>(i * 7919 % 300 + 1) * kib;
    EXPECT_EQ(plain.allocate(size), one.allocate(size));
  }
}

}  // namespace
}  // namespace mobula::store
