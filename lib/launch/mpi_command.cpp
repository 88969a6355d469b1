#include "launch/mpi_command.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <string_view>

#include "launch/command.hpp"

namespace mobula::launch {

namespace {

// $1 is the number of ranks; for each there follows its place: its cores, a slash, its GPUs. No
// cores: not bound. Each is an argument, since one alone may have 128 KiB at most.
constexpr std::string_view rank_script =
    R"(at=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-${PMIX_RANK:-$SLURM_PROCID}}}
eval "place=\${$((at + 2))}"
shift $(($1 + 1))
export CUDA_VISIBLE_DEVICES="${place#*/}"
[ -z "${place%%/*}" ] || taskset -pc "${place%%/*}" $$ > /dev/null || exit 126
exec "$@")";

std::vector<std::string> words_of_ranks(const mpi_program& program) {
  std::vector<std::string> words{"sh", "-c", std::string{rank_script}, "sh",
                                 std::to_string(program.places.size())};
  for (const rank_place& one : program.places) words.push_back(one.threads + "/" + one.gpus);
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  return words;
}

/// "node1:2,node2:1"
std::string hosts_with_counts(const std::vector<rank_place>& places) {
  std::string text;
  for (std::size_t at = 0; at < places.size();) {
    std::size_t end = at;
    while (end < places.size() && places[end].host == places[at].host) ++end;
    text += (text.empty() ? "" : ",") + places[at].host + ":" + std::to_string(end - at);
    at = end;
  }
  return text;
}

// By Slurm's names, unless a launcher has given all ranks the variables of its own host.
std::string slurm_hosts(const std::vector<rank_place>& places) {
  std::map<std::string, std::string> host_of;
  const bool are_theirs = std::ranges::all_of(places, [&](const rank_place& one) {
    return !one.slurm_host.empty() &&
           host_of.try_emplace(one.slurm_host, one.host).first->second == one.host;
  });
  std::string text;
  for (const rank_place& one : places)
    text += (text.empty() ? "" : ",") + (are_theirs ? one.slurm_host : one.host);
  return text;
}

// What srun would take for options of ours: it reads the variables that steps have as such. Left is
// what names the job, and how ranks of PMIx meet.
bool is_option_of_srun(std::string_view name) {
  constexpr std::array<std::string_view, 9> kept{
      "SLURM_JOB_ID",       "SLURM_JOBID",    "SLURM_CONF",
      "SLURM_CLUSTER_NAME", "SLURM_CLUSTERS", "SLURM_WORKING_CLUSTER",
      "SLURM_CONF_SERVER",  "SLURM_JWT",      "SLURM_TMPDIR"};
  return name.starts_with("SLURM_") && !name.starts_with("SLURM_PMIX_") &&
         std::find(kept.begin(), kept.end(), name) == kept.end();
}

// On one of the hosts of a job of Slurm's. A shell of salloc's on a login node has the job's
// variables, too, but is on none of its hosts. (Not all launchers tell ranks what slurmd tells.)
bool is_in_job_of_slurms(const environment& variables, std::string_view host) {
  return find_variable(variables, "SLURM_JOB_ID") &&
         (find_variable(variables, "SLURMD_NODENAME") ||
          find_variable(variables, "SLURM_SUBMIT_HOST") != host);
}

// The other launchers start their helpers on other hosts of the job by a step of their own, which
// would wait for ever for what our own step holds. Outside, they would look for our hosts in the
// job.
environment for_other_launchers(const environment& variables, std::string_view host) {
  environment kept = variables;
  if (is_in_job_of_slurms(variables, host)) {
    set_variable(kept, "SLURM_OVERLAP", "1");
  } else {
    std::erase_if(kept, [](const std::string& one) {
      return is_option_of_srun(name_in(one)) || one.starts_with("SLURM_JOB");
    });
  }
  return kept;
}

environment for_srun(const environment& variables) {
  environment kept = variables;
  std::erase_if(kept, [](const std::string& one) { return is_option_of_srun(name_in(one)); });
  return kept;
}

void append(std::vector<std::string>& words, std::initializer_list<std::string_view> more) {
  for (const std::string_view one : more) words.emplace_back(one);
}

std::vector<std::string> srun(const mpi_program& program, bool mpi_is_mpich) {
  std::vector<std::string> words{"srun"};
  // Not --exact: the step would have so many cores of Slurm's choice, which may be those of a
  // second command beside it, since steps that overlap don't count each other's. It has all that
  // the job has on these nodes, and each rank keeps to those of its lease.
  append(words, {"--overlap", "--overcommit", "--mem=0", "--quiet", "--kill-on-bad-exit=1",
                 "--cpu-bind=none", "--distribution=arbitrary"});
  words.push_back(mpi_is_mpich ? "--mpi=pmi2" : "--mpi=pmix");
  words.push_back(program.has_input ? "--input=0" : "--input=none");
  words.push_back("--ntasks=" + std::to_string(program.places.size()));
  words.push_back("--nodelist=" + slurm_hosts(program.places));
  return words;
}

// Of Open MPI's mpirun each host beyond its own is told only what is named.
std::vector<std::string> open_mpi(const mpi_program& program) {
  std::vector<std::string> words{"mpirun"};
  append(words, {"--bind-to", "none", "--map-by", "slot", "--oversubscribe", "-np"});
  words.push_back(std::to_string(program.places.size()));
  words.push_back("--host");
  words.push_back(hosts_with_counts(program.places));
  for (const std::string& one : program.more_variables) {
    words.emplace_back("-x");
    words.emplace_back(name_in(one));
  }
  return words;
}

std::vector<std::string> mpich(const mpi_program& program) {
  std::vector<std::string> words{"mpiexec", "-bind-to", "none", "-n"};
  words.push_back(std::to_string(program.places.size()));
  words.push_back("-hosts");
  words.push_back(hosts_with_counts(program.places));
  for (const std::string& one : program.more_variables) {
    append(words, {"-genv", name_in(one), value_in(one)});
  }
  return words;
}

}  // namespace

launch_command command_for(mpi_launcher which, const mpi_program& program, bool mpi_is_mpich) {
  launch_command made;
  made.variables = which == mpi_launcher::srun
                       ? for_srun(program.variables)
                       : for_other_launchers(program.variables, program.host);
  set_variables(made.variables, program.more_variables);
  switch (which) {
    case mpi_launcher::srun:
      made.arguments = srun(program, mpi_is_mpich);
      break;
    case mpi_launcher::open_mpi:
      made.arguments = open_mpi(program);
      break;
    case mpi_launcher::mpich:
      made.arguments = mpich(program);
      break;
  }
  const std::vector<std::string> ranks = words_of_ranks(program);
  made.arguments.insert(made.arguments.end(), ranks.begin(), ranks.end());
  return made;
}

mpi_launcher default_launcher(const environment& variables, std::string_view host,
                              bool mpi_is_mpich) {
  std::string refusal;
  if (is_in_job_of_slurms(variables, host) && !find_program("srun", variables, "", refusal).empty())
    return mpi_launcher::srun;
  return mpi_is_mpich ? mpi_launcher::mpich : mpi_launcher::open_mpi;
}

std::vector<std::vector<std::string>> divide(const std::vector<std::string>& list,
                                             std::uint32_t ranks, double each) {
  std::vector<std::vector<std::string>> parts(ranks);
  if (list.empty() || each <= 0) return parts;
  const auto size = static_cast<double>(list.size());
  // A list that is too short is shared: rank by rank, in turn.
  const double step = std::min(each, size / ranks);
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    if (step < 1) {
      parts[rank].push_back(list[rank * list.size() / ranks]);
      continue;
    }
    // The sum of many parts may come out a little short of a whole.
    constexpr double rounding = 1e-9;
    const auto begin = static_cast<std::size_t>(step * rank + rounding);
    const auto end = static_cast<std::size_t>(std::ceil(step * (rank + 1) - rounding));
    for (std::size_t i = begin; i < std::min(std::max(end, begin + 1), list.size()); ++i)
      parts[rank].push_back(list[i]);
  }
  return parts;
}

std::vector<std::uint32_t> share_ranks(std::span<const std::uint32_t> room, std::uint32_t ranks,
                                       bool wide) {
  const std::uint64_t all = std::accumulate(room.begin(), room.end(), std::uint64_t{0});
  if (all < ranks) return {};
  // Those with most room first; of equal ones in their order.
  std::vector<std::size_t> order(room.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return room[a] > room[b]; });
  std::size_t nodes = 0;
  for (std::uint64_t held = 0; held < ranks || (wide && nodes < order.size()); ++nodes) {
    if (room[order[nodes]] == 0) break;
    held += room[order[nodes]];
  }
  std::vector<std::uint32_t> shares(room.size(), 0);
  // One each, again and again: even, and nobody has more than room.
  for (std::uint32_t left = ranks; left > 0;) {
    for (std::size_t i = 0; i < nodes && left > 0; ++i) {
      std::uint32_t& share = shares[order[i]];
      if (share == room[order[i]]) continue;
      ++share;
      --left;
    }
  }
  return shares;
}

}  // namespace mobula::launch
