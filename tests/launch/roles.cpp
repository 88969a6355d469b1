// Every rank takes its role, as the runtime does it, with stand-ins for what the roles do.
//
// roles work   each scheduler runs two children a rank, to their good end; then all leave
// roles stay   the same with children that stay; whichever process dies, all must end

#include <poll.h>
#include <unistd.h>

#include <sstream>

#include "expect.hpp"
#include "hardware/cgroup.hpp"
#include "launch/child.hpp"
#include "launch/entry.hpp"
#include "launch/identity.hpp"
#include "launch/layout.hpp"
#include "launch/mpi_bootstrap.hpp"
#include "launch/seat.hpp"
#include "launch/seats.hpp"
#include "launch/settings.hpp"

using namespace mobula::launch;

namespace {

void announce(const char* what) {
  std::printf("%s %d\n", what, ::getpid());
  std::fflush(stdout);
}

child_recipe common(int argc, char** argv) {
  child_recipe recipe;
  recipe.arguments.assign(argv, argv + argc);
  recipe.variables = this_environment();
  return recipe;
}

class scheduler final : public seats_listener {
 public:
  scheduler(seats& of_node, std::uint32_t ranks) : seats_{of_node}, ranks_{ranks} {}

  int run(const std::string& what) {
    while (joined_ < ranks_) wait();
    for (std::uint32_t incarnation = 2; incarnation < 2 + 2 * ranks_; ++incarnation) {
      seats_.start(incarnation, what);
      seats_.entered(incarnation);
    }
    while (seats_.child_count() > 0 && good_) wait();
    if (good_) seats_.dismiss();
    return good_ ? 0 : 4;
  }

  void seat_joined(std::uint32_t) override { ++joined_; }
  void seat_lost(std::uint32_t rank) override {
    std::fprintf(stderr, "the seat of rank %u is lost\n", rank);
    good_ = false;
  }
  void child_ended(std::uint32_t incarnation, const std::string& how) override {
    if (how == "exited with status 0") return;
    std::fprintf(stderr, "worker %u %s\n", incarnation, how.c_str());
    good_ = false;
  }
  void children_fail(const std::string&) override { good_ = false; }

 private:
  void wait() {
    pollfd one{seats_.descriptor(), POLLIN, 0};
    ::poll(&one, 1, -1);
    seats_.poll(*this);
  }
  seats& seats_;
  std::uint32_t ranks_;
  std::uint32_t joined_ = 1;  // its own
  bool good_ = true;
};

int serve_scheduler(std::istringstream& words, int argc, char** argv) {
  announce("scheduler");
  std::uint32_t rank = 0;
  std::uint32_t ranks = 0;
  std::string address;
  words >> rank >> ranks >> address;
  child_recipe recipe = common(argc, argv);
  recipe.as = role::worker;
  std::optional<seat_door> door;
  if (ranks > 1) door.emplace(descriptor{first_given_descriptor}, *seat_address::decode(address));
  seats of_node{rank, recipe, std::move(door)};
  return scheduler{of_node, ranks}.run(argv[1]);
}

/// Nodes of the job and this rank's part in it. MPI is over when this returns.
struct part {
  std::uint32_t rank = 0;
  std::optional<child> scheduler;
  seat_address address;
};

part find_part(int argc, char** argv) {
  const settings settings = read_settings(this_environment());
  const auto ranks = find_ranks(this_environment());
  const module_identity program = this_program();
  check_identity(*ranks, {&program, 1});
  const rank_facts mine{ranks->host(), mobula::hardware::thread_set::of_this_thread(),
                        mobula::hardware::cpu_quota().value_or(0)};
  std::vector<rank_facts> all;
  for (const std::string& one : ranks->allgather(mine.encode())) {
    all.push_back(rank_facts::decode(one).value());
  }
  const layout plan{all, settings.ranks_per_node, settings.cpus};
  const node_layout& node = plan.node_of(ranks->rank());

  part own;
  own.rank = ranks->rank();
  const auto of_node = ranks->split(node.node);
  std::optional<seat_door> door;
  if (plan.starts_scheduler(own.rank) && node.ranks.size() > 1) door = seat_door::open();
  const std::string word = of_node->broadcast(door ? door->address().encode() : "", 0);
  if (plan.starts_scheduler(own.rank)) {
    child_recipe recipe = common(argc, argv);
    recipe.as = role::scheduler;
    std::ostringstream start;
    start << own.rank << " " << node.ranks.size() << " " << word;
    recipe.start = start.str();
    recipe.threads = plan.threads_of_children(own.rank);
    if (door) recipe.descriptors = {door->descriptor()};
    own.scheduler.emplace(recipe);
  } else {
    own.address = seat_address::decode(word).value();
  }
  return own;
}

}  // namespace

int mobula::detail::serve(const entry& start, int argc, char** argv) {
  std::istringstream words{start.start};
  if (start.as == role::scheduler) return serve_scheduler(words, argc, argv);
  announce("worker");
  while (start.start == "stay") ::pause();
  return 0;
}

int main(int argc, char** argv) {
  part own = find_part(argc, argv);
  EXPECT_THAT_IT_HOLDS(!mpi_is_running());
  if (own.scheduler) {
    announce(own.rank == 0 ? "driver" : "first");
    const exit_status status = own.scheduler->wait();
    if (status.good()) return 0;
    std::fprintf(stderr, "the scheduler of rank %u %s\n", own.rank, status.text().c_str());
    return 3;
  }
  announce("seat");
  serve_seat(own.address, own.rank, common(argc, argv));
  return 0;
}
