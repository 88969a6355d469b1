#include "launch/thread_counts.hpp"

#include <gmock/gmock.h>

namespace mobula::launch {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ThreadCounts, AreTheCpusForEachLibrary) {
  const environment counts = thread_counts(4, {"PATH=/bin"});
  EXPECT_THAT(counts, SizeIs(6));
  EXPECT_THAT(counts, Contains("OMP_NUM_THREADS=4"));
  EXPECT_THAT(counts, Contains("OPENBLAS_NUM_THREADS=4"));
  EXPECT_THAT(counts, Contains("MKL_NUM_THREADS=4"));
}

TEST(ThreadCounts, AreOneAtLeast) {
  EXPECT_THAT(thread_counts(0, {}), Contains("OMP_NUM_THREADS=1"));
}

TEST(ThreadCounts, TheUsersOwnAreKept) {
  const environment counts = thread_counts(4, {"MKL_NUM_THREADS=2"});
  EXPECT_THAT(counts, SizeIs(5));
  EXPECT_EQ(find_variable(counts, "MKL_NUM_THREADS"), std::nullopt);
  EXPECT_THAT(thread_counts(4, {"OMP_NUM_THREADS=2"}), IsEmpty()) << "the others follow that one";
}

}  // namespace
}  // namespace mobula::launch
