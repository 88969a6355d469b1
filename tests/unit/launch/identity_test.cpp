#include "launch/identity.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <barrier>
#include <thread>

namespace mobula::launch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// Ranks that are threads of this process.
class thread_group {
 public:
  explicit thread_group(std::uint32_t size) : slots_(size), gate_{size} {}

  class member final : public bootstrap {
   public:
    member(thread_group& group, std::uint32_t rank) : group_{group}, rank_{rank} {}
    std::uint32_t rank() const override { return rank_; }
    std::uint32_t size() const override { return static_cast<std::uint32_t>(group_.slots_.size()); }
    std::uint32_t host() override { return 0; }
    std::vector<std::string> allgather(std::string_view mine) override {
      group_.slots_[rank_] = mine;
      barrier();
      std::vector<std::string> all = group_.slots_;
      barrier();
      return all;
    }
    std::string broadcast(std::string_view mine, std::uint32_t root) override {
      return allgather(mine)[root];
    }
    void barrier() override { group_.gate_.arrive_and_wait(); }
    std::unique_ptr<bootstrap> split(std::uint32_t) override { return nullptr; }

   private:
    thread_group& group_;
    std::uint32_t rank_;
  };

 private:
  std::vector<std::string> slots_;
  std::barrier<> gate_;
};

using modules = std::vector<module_identity>;

/// What each rank is told: "" if nothing was refused.
std::vector<std::string> check(const std::vector<modules>& of_ranks) {
  thread_group group{static_cast<std::uint32_t>(of_ranks.size())};
  std::vector<std::string> told(of_ranks.size());
  std::vector<std::thread> ranks;
  for (std::uint32_t rank = 0; rank < of_ranks.size(); ++rank) {
    ranks.emplace_back([&, rank] {
      thread_group::member self{group, rank};
      try {
        check_identity(self, of_ranks[rank]);
      } catch (const start_error& error) {
        told[rank] = error.what();
      }
    });
  }
  for (std::thread& rank : ranks) rank.join();
  return told;
}

const modules usual{{"/home/a/solve", "aa"}, {"/lib/libmesh.so", "bb"}, {"/lib/libfem.so", "cc"}};

TEST(Identity, AcceptsTheSameWhereverTheFilesLie) {
  const modules elsewhere{{"./solve", "aa"}, {"/opt/libfem.so", "cc"}, {"/opt/libmesh.so", "bb"}};
  EXPECT_THAT(check({usual, elsewhere, usual}), ::testing::Each(std::string{}));
}

TEST(Identity, RefusesAnotherProgramOnEveryRank) {
  modules other = usual;
  other[0] = {"/home/b/solve2", "ff"};
  EXPECT_THAT(check({usual, usual, other}),
              ::testing::Each(AllOf(HasSubstr("rank 2"), HasSubstr("solve2"))));
}

TEST(Identity, RefusesAnotherBuildOfALibrary) {
  modules other = usual;
  other[2].build_id = "dd";
  EXPECT_THAT(check({usual, other}),
              ::testing::Each(AllOf(HasSubstr("rank 1"), HasSubstr("libfem.so"))));
}

TEST(Identity, RefusesAMissingAndASurplusLibrary) {
  modules fewer = usual;
  fewer.pop_back();
  EXPECT_THAT(check({usual, fewer}),
              ::testing::Each(AllOf(HasSubstr("rank 1"), HasSubstr("libfem.so"))));
  EXPECT_THAT(check({fewer, usual}),
              ::testing::Each(AllOf(HasSubstr("rank 1"), HasSubstr("libfem.so"))));
}

TEST(Identity, FindsTheModuleOfAnAddress) {
  const module_identity program = this_program();
  EXPECT_FALSE(program.build_id.empty());
  static const int here = 0;
  EXPECT_EQ(module_at(&here).build_id, program.build_id);
  const module_identity library = module_at(reinterpret_cast<const void*>(&::getpid));
  EXPECT_THAT(library.file, HasSubstr("libc"));
  EXPECT_NE(library.build_id, program.build_id);
  EXPECT_EQ(module_at(nullptr).file, "");
}

}  // namespace
}  // namespace mobula::launch
