#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include "job/job.hpp"

// Tasks that wait inside an OpenMP parallel region. One cpu is enough.

namespace mobula::job {
namespace {

// -1000: a task began, or went on, inside a parallel region of another.
int in_parallel(int children, int levels) {
  if (omp_get_level() != 0) return -1000;
  int sum = 0;
#pragma omp parallel for num_threads(2) reduction(+ : sum)
  for (int i = 0; i < children; ++i) {
    sum += levels == 0 ? 1 : get(remote<in_parallel>(children, levels - 1));
    if (omp_get_level() != 1) sum -= 1000;
  }
  return sum;
}

TEST(OpenMp, AParallelRegionAwaitsChildren) {
  std::vector<object_ref<int>> parents;
  for (int i = 0; i < 8; ++i) parents.push_back(remote<in_parallel>(4, 1));
  EXPECT_THAT(got(parents), testing::Each(16));
  EXPECT_TRUE(all_is_free());
}

TEST(OpenMp, ParallelRegionsNest) { EXPECT_EQ(got(remote<in_parallel>(2, 3)), 16); }

// Suspended in a region of one thread, it would leave its level to the task that begins on top.
TEST(OpenMp, ARegionOfOneThreadIsARegionToo) {
  constexpr auto alone = [](int levels) {
    int value = 0;
#pragma omp parallel num_threads(1)
    value = get(remote<in_parallel>(1, levels));
    return value;
  };
  EXPECT_EQ(got(remote<alone>(1)), 1);
}

}  // namespace
}  // namespace mobula::job
