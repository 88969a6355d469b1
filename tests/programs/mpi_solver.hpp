#pragma once

#include <mpi.h>

#include <cmath>
#include <vector>

/// Heat on a rod, cut into equal pieces, one a rank of a communicator: every step trades the cells
/// at the pieces' ends with the neighbours, as a solver with MPI of its own does. The same numbers
/// come out for any number of ranks, to the last bit.
class rod {
 public:
  rod(MPI_Comm ranks, int cells) : ranks_{ranks} {
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(ranks, &rank);
    MPI_Comm_size(ranks, &size);
    left_ = rank == 0 ? MPI_PROC_NULL : rank - 1;
    right_ = rank == size - 1 ? MPI_PROC_NULL : rank + 1;
    cells_.resize(static_cast<std::size_t>(cells) + 2);
    next_ = cells_;
    for (int i = 1; i <= cells; ++i)
      cells_[static_cast<std::size_t>(i)] = std::sin(rank * cells + i);
  }

  void step() {
    const std::size_t last = cells_.size() - 2;
    MPI_Sendrecv(&cells_[1], 1, MPI_DOUBLE, left_, 0, &cells_[last + 1], 1, MPI_DOUBLE, right_, 0,
                 ranks_, MPI_STATUS_IGNORE);
    MPI_Sendrecv(&cells_[last], 1, MPI_DOUBLE, right_, 1, &cells_[0], 1, MPI_DOUBLE, left_, 1,
                 ranks_, MPI_STATUS_IGNORE);
    for (std::size_t i = 1; i <= last; ++i)
      next_[i] = cells_[i] + 0.25 * (cells_[i - 1] - 2 * cells_[i] + cells_[i + 1]);
    cells_.swap(next_);
  }

  /// This rank's piece.
  std::vector<double> piece() const { return {cells_.begin() + 1, cells_.end() - 1}; }

  /// All of it, in rank 0; empty elsewhere.
  std::vector<double> whole() const {
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(ranks_, &rank);
    MPI_Comm_size(ranks_, &size);
    const std::vector<double> mine = piece();
    const int count = static_cast<int>(mine.size());
    std::vector<double> all(rank == 0 ? mine.size() * static_cast<std::size_t>(size) : 0);
    MPI_Gather(mine.data(), count, MPI_DOUBLE, all.data(), count, MPI_DOUBLE, 0, ranks_);
    return all;
  }

 private:
  MPI_Comm ranks_;
  int left_ = MPI_PROC_NULL;
  int right_ = MPI_PROC_NULL;
  std::vector<double> cells_;  // with one at each end that is a neighbour's, or cold
  std::vector<double> next_;
};
