#include "launch/mpi_bootstrap.hpp"

// The C++ bindings that some mpi.h bring along would need a library of their own.
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <utility>

#include "launch/rank_above.hpp"

namespace mobula::launch {

namespace {

/// MPI takes counts as int.
int count_of(std::size_t size) {
  if (size > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw start_error{"the ranks have more than 2 GiB to tell each other at start"};
  }
  return static_cast<int>(size);
}

void must(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(status, text, &length);
  throw start_error{std::string{call} +
                    " failed: " + std::string{text, static_cast<std::size_t>(length)}};
}

/// Sets a variable for the time of MPI_Init, unless somebody set it.
class passing_variable {
 public:
  passing_variable(const char* name, const char* value) : name_{name} {
    set_ = std::getenv(name) == nullptr && ::setenv(name, value, 0) == 0;
  }
  ~passing_variable() {
    if (set_) ::unsetenv(name_);
  }
  passing_variable(const passing_variable&) = delete;
  passing_variable& operator=(const passing_variable&) = delete;

 private:
  const char* name_;
  bool set_ = false;
};

class mpi_group : public bootstrap {
 public:
  /// Takes over `own`.
  explicit mpi_group(MPI_Comm own) : comm_{own} {
    int number = 0;
    must(MPI_Comm_rank(comm_, &number), "MPI_Comm_rank");
    rank_ = static_cast<std::uint32_t>(number);
    must(MPI_Comm_size(comm_, &number), "MPI_Comm_size");
    size_ = static_cast<std::uint32_t>(number);
  }
  ~mpi_group() override { MPI_Comm_free(&comm_); }
  mpi_group(const mpi_group&) = delete;
  mpi_group& operator=(const mpi_group&) = delete;

  std::uint32_t rank() const override { return rank_; }
  std::uint32_t size() const override { return size_; }

  std::uint32_t host() override {
    MPI_Comm sharing = MPI_COMM_NULL;
    must(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &sharing),
         "MPI_Comm_split_type");
    unsigned lowest = rank_;
    const int status = MPI_Bcast(&lowest, 1, MPI_UNSIGNED, 0, sharing);
    MPI_Comm_free(&sharing);
    must(status, "MPI_Bcast");
    return lowest;
  }

  std::vector<std::string> allgather(std::string_view mine) override {
    const int own = count_of(mine.size());
    std::vector<int> counts(size_);
    must(MPI_Allgather(&own, 1, MPI_INT, counts.data(), 1, MPI_INT, comm_), "MPI_Allgather");
    std::vector<int> starts(size_);
    std::size_t total = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      starts[i] = count_of(total);
      total += static_cast<std::size_t>(counts[i]);
    }
    std::string all(static_cast<std::size_t>(count_of(total)), '\0');
    must(MPI_Allgatherv(mine.data(), own, MPI_BYTE, all.data(), counts.data(), starts.data(),
                        MPI_BYTE, comm_),
         "MPI_Allgatherv");
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < size_; ++i) {
      parts.push_back(
          all.substr(static_cast<std::size_t>(starts[i]), static_cast<std::size_t>(counts[i])));
    }
    return parts;
  }

  std::string broadcast(std::string_view mine, std::uint32_t root) override {
    int length = count_of(mine.size());
    must(MPI_Bcast(&length, 1, MPI_INT, static_cast<int>(root), comm_), "MPI_Bcast");
    std::string bytes{mine};
    bytes.resize(static_cast<std::size_t>(length));
    must(MPI_Bcast(bytes.data(), length, MPI_BYTE, static_cast<int>(root), comm_), "MPI_Bcast");
    return bytes;
  }

  void barrier() override { must(MPI_Barrier(comm_), "MPI_Barrier"); }

  std::unique_ptr<bootstrap> split(std::uint32_t colour) override {
    MPI_Comm part = MPI_COMM_NULL;
    must(MPI_Comm_split(comm_, static_cast<int>(colour), static_cast<int>(rank_), &part),
         "MPI_Comm_split");
    return std::make_unique<mpi_group>(part);
  }

 private:
  MPI_Comm comm_;
  std::uint32_t rank_ = 0;
  std::uint32_t size_ = 0;
};

MPI_Comm copy_of(MPI_Comm comm) {
  MPI_Comm copy = MPI_COMM_NULL;
  must(MPI_Comm_dup(comm, &copy), "MPI_Comm_dup");
  // What fails becomes our sentence, not an abort. The user's communicator keeps its handler.
  MPI_Comm_set_errhandler(copy, MPI_ERRORS_RETURN);
  return copy;
}

void check_mpi_may_be_called() {
  if (!mpi_is_running()) {
    int begun = 0;
    MPI_Initialized(&begun);
    throw start_error{begun != 0
                          ? "the program has finalized MPI: give Mobula a communicator before that"
                          : "MPI is not running: call MPI_Init before Mobula is given a "
                            "communicator"};
  }
  int level = MPI_THREAD_SINGLE;
  int is_main = 0;
  must(MPI_Query_thread(&level), "MPI_Query_thread");
  must(MPI_Is_thread_main(&is_main), "MPI_Is_thread_main");
  if (level < MPI_THREAD_SERIALIZED && is_main == 0) {
    throw start_error{
        "this thread may not call MPI: with the thread level that MPI was initialised with, only "
        "the thread that initialised it starts Mobula"};
  }
}

/// The ranks by an MPI that Mobula started, and ends.
class own_mpi final : public bootstrap {
 public:
  own_mpi() {
    // TCP for the few bytes of a start: faster to set up than a fabric, and nothing in /dev/shm.
    const passing_variable pml{"OMPI_MCA_pml", "ob1"};
    const passing_variable btl{"OMPI_MCA_btl", "self,tcp"};
    must(MPI_Init(nullptr, nullptr), "MPI_Init");
    world_ = std::make_unique<mpi_group>(copy_of(MPI_COMM_WORLD));
  }
  ~own_mpi() override {
    world_.reset();
    MPI_Finalize();
  }
  own_mpi(const own_mpi&) = delete;
  own_mpi& operator=(const own_mpi&) = delete;

  std::uint32_t rank() const override { return world_->rank(); }
  std::uint32_t size() const override { return world_->size(); }
  std::uint32_t host() override { return world_->host(); }
  std::vector<std::string> allgather(std::string_view mine) override {
    return world_->allgather(mine);
  }
  std::string broadcast(std::string_view mine, std::uint32_t root) override {
    return world_->broadcast(mine, root);
  }
  void barrier() override { world_->barrier(); }
  std::unique_ptr<bootstrap> split(std::uint32_t colour) override { return world_->split(colour); }

 private:
  std::unique_ptr<mpi_group> world_;
};

}  // namespace

bool mpi_is_mpich() {
#ifdef OPEN_MPI
  return false;
#else
  return true;
#endif
}

bool mpi_is_running() {
  int begun = 0;
  int ended = 0;
  MPI_Initialized(&begun);
  MPI_Finalized(&ended);
  return begun != 0 && ended == 0;
}

std::unique_ptr<bootstrap> find_ranks(const environment& variables) {
  if (mpi_is_running()) return std::make_unique<mpi_group>(copy_of(MPI_COMM_WORLD));
  const launcher from = has_rank_above(variables) ? launcher{} : find_launcher(variables);
  if (!from.has_others()) return std::make_unique<lone_bootstrap>();
  int ended = 0;
  MPI_Finalized(&ended);
  if (ended != 0) {
    throw start_error{
        "the program has finalized MPI before it started Mobula, so its ranks can't find each "
        "other any more; start Mobula before MPI_Finalize"};
  }
  auto ranks = std::make_unique<own_mpi>();
  // As when srun offers another way to meet than this MPI library takes.
  if (from.ranks > 1 && ranks->size() == 1) {
    throw start_error{
        "the launcher started " + std::to_string(from.ranks) +
        " ranks, but the MPI library that Mobula was built with sees each of them alone; start "
        "them by that library's own mpirun, or by srun with the option for it: --mpi=pmix for "
        "Open MPI, --mpi=pmi2 for MPICH"};
  }
  return ranks;
}

std::unique_ptr<bootstrap> ranks_of(const users_communicator& given) {
  if (given.handle_bytes != sizeof(MPI_Comm)) {
    throw start_error{
        "the program was compiled with another MPI than Mobula was: build both with the same"};
  }
  check_mpi_may_be_called();
  const MPI_Comm users = *static_cast<const MPI_Comm*>(given.handle);
  if (users == MPI_COMM_NULL) {
    throw start_error{
        "the communicator is MPI_COMM_NULL, which has no ranks: only those that are in the job's "
        "communicator start Mobula"};
  }
  int is_between_groups = 0;
  must(MPI_Comm_test_inter(users, &is_between_groups), "MPI_Comm_test_inter");
  if (is_between_groups != 0) {
    throw start_error{
        "the communicator is an intercommunicator; give one of the ranks of a single group, such "
        "as MPI_Intercomm_merge makes"};
  }
  return std::make_unique<mpi_group>(copy_of(users));
}

void before_mpi_finalize(void (*hook)()) {
  static void (*called)() = nullptr;
  if (called != nullptr) return;
  called = hook;
  // What is attached to this communicator is deleted before MPI_Finalize does anything else.
  const auto deleted = [](MPI_Comm, int, void*, void*) {
    called();
    return MPI_SUCCESS;
  };
  int key = MPI_KEYVAL_INVALID;
  must(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, deleted, &key, nullptr),
       "MPI_Comm_create_keyval");
  must(MPI_Comm_set_attr(MPI_COMM_SELF, key, nullptr), "MPI_Comm_set_attr");
}

void finalize_users_mpi() {
  if (mpi_is_running()) MPI_Finalize();
}

}  // namespace mobula::launch
