#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace mobula {

/// The seed of a random test: printed, and taken from TEST_SEED to see a failure again.
inline std::uint64_t test_seed() {
  const char* given = std::getenv("TEST_SEED");
  const std::uint64_t seed =
      given ? std::strtoull(given, nullptr, 0) : std::uint64_t{std::random_device{}()};
  std::cout << "TEST_SEED=" << seed << std::endl;
  testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

/// The first of the seeds of a test that tries some in a row: TEST_SEED, or 1.
inline std::uint64_t first_seed() {
  const char* given = std::getenv("TEST_SEED");
  return given ? std::strtoull(given, nullptr, 0) : 1;
}

}  // namespace mobula
