// Ranks find each other, tell each other things, and end MPI before anything else happens.

#include <string>

#include "expect.hpp"
#include "launch/entry.hpp"
#include "launch/identity.hpp"
#include "launch/layout.hpp"
#include "launch/mpi_bootstrap.hpp"

using namespace mobula::launch;

int mobula::detail::serve(const entry&, int, char**) { return 70; }

namespace {

/// A text whose length differs from rank to rank, rank 0's being empty.
std::string text_of(std::uint32_t rank) {
  return std::string(rank * 1000, static_cast<char>('a' + rank % 26));
}

void exchange(bootstrap& ranks) {
  const auto all = ranks.allgather(text_of(ranks.rank()));
  EXPECT_THAT_IT_HOLDS(all.size() == ranks.size());
  for (std::uint32_t i = 0; i < all.size(); ++i) EXPECT_THAT_IT_HOLDS(all[i] == text_of(i));
  const std::uint32_t last = ranks.size() - 1;
  EXPECT_THAT_IT_HOLDS(ranks.broadcast(text_of(ranks.rank()), last) == text_of(last));
  // One machine: everybody shares memory with rank 0.
  EXPECT_THAT_IT_HOLDS(ranks.host() == 0);
}

void split(bootstrap& ranks) {
  const auto half = ranks.split(ranks.rank() % 2);
  EXPECT_THAT_IT_HOLDS(half->rank() == ranks.rank() / 2);
  EXPECT_THAT_IT_HOLDS(half->size() == (ranks.size() + 1 - ranks.rank() % 2) / 2);
  EXPECT_THAT_IT_HOLDS(half->broadcast(text_of(ranks.rank()), 0) == text_of(ranks.rank() % 2));
}

void lay_out(bootstrap& ranks) {
  rank_facts mine;
  mine.host = ranks.host();
  mine.threads = mobula::hardware::thread_set::of_this_thread();
  std::vector<rank_facts> all;
  for (const std::string& one : ranks.allgather(mine.encode())) {
    all.push_back(rank_facts::decode(one).value());
  }
  const layout plan{all, 2, std::nullopt};
  EXPECT_THAT_IT_HOLDS(plan.nodes().size() == (ranks.size() + 1) / 2);
  EXPECT_THAT_IT_HOLDS(plan.starts_scheduler(ranks.rank()) == (ranks.rank() % 2 == 0));
  EXPECT_THAT_IT_HOLDS(!plan.threads_of_children(ranks.rank()).empty());
}

void compare(bootstrap& ranks) {
  std::vector<module_identity> modules{this_program(), {"/lib/libmesh.so", "aa"}};
  check_identity(ranks, modules);
  if (ranks.size() == 1) return;
  if (ranks.rank() == 1) modules[1].build_id = "bb";
  std::string told;
  try {
    check_identity(ranks, modules);
  } catch (const start_error& error) {
    told = error.what();
  }
  EXPECT_THAT_IT_HOLDS(told.find("rank 1") != std::string::npos);
  EXPECT_THAT_IT_HOLDS(told.find("libmesh.so") != std::string::npos);
}

}  // namespace

int main() {
  const bool settings_were_set = std::getenv("OMPI_MCA_pml") != nullptr;
  const launcher from = find_launcher(this_environment());
  {
    const auto ranks = find_ranks(this_environment());
    EXPECT_THAT_IT_HOLDS(from.ranks == ranks->size());
    // MPI is for those who have somebody to find.
    EXPECT_THAT_IT_HOLDS(mpi_is_running() == (ranks->size() > 1));
    EXPECT_THAT_IT_HOLDS((std::getenv("OMPI_MCA_pml") != nullptr) == settings_were_set);
    exchange(*ranks);
    split(*ranks);
    lay_out(*ranks);
    compare(*ranks);
    ranks->barrier();
  }
  EXPECT_THAT_IT_HOLDS(!mpi_is_running());
  return 0;
}
