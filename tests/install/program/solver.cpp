// What a user of an installed Mobula with an MPI program writes first.

#include <mpi.h>

#include <cstdio>
#include <mobula/mobula.hpp>
#include <mobula/mpi.hpp>

int add(int a, int b) { return a + b; }

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  mobula::init(MPI_COMM_WORLD, {.mode = mobula::peers});
  const int mine = mobula::get(mobula::remote<add>(rank, 1));
  mobula::shutdown();
  int sum = 0;
  MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  if (rank == 0) std::printf("%d\n", sum);
  MPI_Finalize();
}
