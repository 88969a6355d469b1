// A solver with MPI of its own: it initialises MPI, does a collective and opens its output,
// truncating it, before the runtime; then every rank's file has what that rank wrote, and nothing
// was truncated again. MPI stays the program's: the driver uses it while the runtime lives and
// after.
//
//   users_mpi [threads]      with MPI_THREAD_MULTIPLE

#include <mpi.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mobula/mobula.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "launch/expect.hpp"
#include "launch/sum_of_ranks.hpp"

namespace {

using namespace std::chrono_literals;
using std::filesystem::path;

/// One folder for all ranks, made by the first.
path agree_on_folder(int rank) {
  char name[] = "/tmp/mobula_users_mpi.XXXXXX";
  if (rank == 0) EXPECT_THAT_IT_HOLDS(::mkdtemp(name) != nullptr);
  MPI_Bcast(name, sizeof name, MPI_CHAR, 0, MPI_COMM_WORLD);
  return name;
}

path file_of(const path& folder, int rank, const char* kind) {
  return folder / (kind + std::to_string(rank));
}

std::string content_of(const path& file) {
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

int square(int value) { return value * value; }

bool has_mpi() {
  int begun = 0;
  MPI_Initialized(&begun);
  return begun != 0;
}

void use_the_job() {
  std::vector<mobula::object_ref<int>> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(mobula::remote<square>(i));
  int sum = 0;
  for (const int one : mobula::get(refs, 60s)) sum += one;
  EXPECT_THAT_IT_HOLDS(sum == 328'350);
  // A worker is nobody's rank.
  EXPECT_THAT_IT_HOLDS(!mobula::get(mobula::remote<has_mpi>(), 60s));
}

void use_mpi_alone(MPI_Comm mine) {
  EXPECT_THAT_IT_HOLDS(sum_of_ranks(MPI_COMM_SELF) == 0);
  EXPECT_THAT_IT_HOLDS(sum_of_ranks(mine) == 0);
  MPI_Comm another = MPI_COMM_NULL;
  MPI_Comm_dup(mine, &another);
  MPI_Comm_free(&another);
}

void check_files(const path& folder, int size) {
  for (int i = 0; i < size; ++i) {
    const std::string rank = std::to_string(i);
    EXPECT_THAT_IT_HOLDS(content_of(file_of(folder, i, "c")) == "before " + rank + "\n");
    EXPECT_THAT_IT_HOLDS(content_of(file_of(folder, i, "cpp")) ==
                         "before " + rank + "\n" + (i == 0 ? "during\nafter\n" : ""));
  }
}

}  // namespace

int main(int argc, char** argv) {
  int provided = 0;
  const int wanted = argc > 1 ? MPI_THREAD_MULTIPLE : MPI_THREAD_SINGLE;
  MPI_Init_thread(&argc, &argv, wanted, &provided);
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  EXPECT_THAT_IT_HOLDS(sum_of_ranks(MPI_COMM_WORLD) == size * (size - 1) / 2);
  const path folder = agree_on_folder(rank);
  MPI_Comm mine = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank, 0, &mine);

  std::ofstream out{file_of(folder, rank, "cpp"), std::ios::trunc};
  out << "before " << rank << std::endl;
  std::FILE* c_out = std::fopen(file_of(folder, rank, "c").c_str(), "w");
  std::fprintf(c_out, "before %d\n", rank);  // not flushed: ranks that serve see to that
  {
    const mobula::runtime runtime(argc, argv);
    EXPECT_THAT_IT_HOLDS(rank == 0);
    std::fflush(c_out);
    use_the_job();
    use_mpi_alone(mine);
    out << "during" << std::endl;
  }
  use_mpi_alone(mine);
  out << "after" << std::endl;
  check_files(folder, size);
  MPI_Comm_free(&mine);
  // Ends when every other rank has ended it too.
  MPI_Finalize();
  std::fclose(c_out);
  std::filesystem::remove_all(folder);
  return 0;
}
