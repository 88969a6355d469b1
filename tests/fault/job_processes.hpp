#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

/// What a process of a job under test is, as its environment and its parent tell.
enum class part { launcher, driver, seat, scheduler, worker };

struct job_process {
  pid_t pid = 0;
  pid_t parent = 0;
  part is = part::launcher;
  int rank = 0;             // of ranks
  int rank_of_node = 0;     // of schedulers and ranks: the first rank of their node, where known
  std::string state;        // as the kernel names it
  unsigned long ticks = 0;  // of processor time
};

const char* name_of(part one);

/// Every living process whose environment has `mark`.
std::vector<job_process> processes_of_job(const std::string& mark, const std::string& program);

/// For a test that failed: what each process does just now, thread by thread.
void print_state(const std::vector<job_process>& processes);
