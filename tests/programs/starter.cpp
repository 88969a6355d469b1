// A rank of an MPI program that starts another program, as no launcher does: with its own
// variables.
#include <mpi.h>

#include <cstdlib>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const int status = argc == 2 ? std::system(argv[1]) : -1;
  MPI_Finalize();
  return status == 0 ? 0 : 1;
}
