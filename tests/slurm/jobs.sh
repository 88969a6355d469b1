# Sourced by tests under with_slurm.sh, after verbs.sh and right_answers.sh: batch jobs.

ended() { [[ $(state_of "$1") =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|OUT_OF_MEMORY)$ ]]; }
state_of() { scontrol -o show job "$1" | grep -o ' JobState=[A-Z_]*' | head -n 1 | sed 's/.*=//'; }
# As "status:signal".
exit_code_of() { scontrol -o show job "$1" | grep -o ' ExitCode=[0-9:]*' | head -n 1 | sed 's/.*=//'; }

restarts_of() { scontrol -o show job "$1" | grep -o ' Restarts=[0-9]*' | sed 's/.*=//'; }
# What sacct tells of a job that has ended, from the plain file of such jobs: "STATE status:signal".
# Who runs a database of jobs leaves --completion out.
in_books() {
  sacct --completion --jobs="$1" --format=state,exitcode --noheader --parsable2 | tail -n 1 | tr '|' ' '
}

# submit ARGUMENT...: a job by sbatch, whose script may come by standard input. Its number.
submit() { sbatch --parsable --output="$scratch/%A.out" "$@"; }
output_of() { cat "$scratch/$1.out"; }

has_state() { [[ $(state_of "$1") == "$2" ]]; }
has_said() { grep -qE "$2" "$scratch/$1.out" 2> /dev/null; }

# await_job JOB: until it has ended well, with what it said in `said`.
await_job() {
  await 100 "job $1 to end" ended "$1" || { output_of "$1" >&2 && exit 1; }
  said="$(output_of "$1")"
  [[ $(state_of "$1") == COMPLETED ]] || die "job $1: $(state_of "$1"), status $(exit_code_of "$1"): $said"
}

# het_job ARGUMENT...: a job whose run has several parts, submitted with a script's name and awaited.
# Again if only srun is left of it: that of Slurm 22.05 starts a thread for each part and now and
# then waits for ever for one of them twice (pmixp_abort_agent_stop; 4 of 45 runs, both cores busy).
# The program's last word is the walkthrough's, or matches `last_word`.
het_job() {
  local job try
  for try in 1 2 3 4 5; do
    job="$(submit "$@")"
    await 100 "job $job to end" ended_or_stuck "$job" || { output_of "$job" >&2 && exit 1; }
    if ended "$job"; then
      await_job "$job"
      return
    fi
    echo "srun is stuck after run $try of job $job, which has ended"
    scancel "$job"
    await 30 "the cancelled job $job to end" ended "$job"
  done
  die "srun is stuck in each of $try runs"
}
ended_or_stuck() {
  ended "$1" || { only_srun_is_left "$1" && sleep 3 && only_srun_is_left "$1" && ! ended "$1"; }
}
# No step of any job runs on any host, and the program has said its last word.
only_srun_is_left() { has_said "$1" "${last_word:-^$right}" && ! ps -eo args | grep -qE '^slurmstepd: \[[0-9+]+\.[0-9]'; }
