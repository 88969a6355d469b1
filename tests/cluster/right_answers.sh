# Sourced by tests of Mobula's programs on several hosts, after verbs.sh. Each function runs one of
# them by a launcher and fails unless its answer is right.
#
# PROGRAMS is the folder of the programs, from CMake.

apps="$CLUSTER_HOME/../apps"
scratch="$CLUSTER_SHARED/scratch"
mkdir -p "$scratch"

die() { echo "$*" >&2 && exit 1; }

# right_walkthrough HOSTS LAUNCHER...: on the hosts named, one node each. What it said is in `said`.
right_walkthrough() {
  local hosts=$1
  shift
  said="$(timeout 60 "$@" "$PROGRAMS/walkthrough" 2>&1)" || die "status $? from $* walkthrough: $said"
  [[ $said == *"All as in Ray's walkthrough."* ]] || die "another answer from $* walkthrough: $said"
  [[ $(sed -n 's/^  node [0-9]* on \([a-z0-9]*\): .*/\1/p' <<< "$said" | sort | xargs) == "$hosts" ]] ||
    die "not on $hosts: $said"
}

# right_info RANKS NODES LAUNCHER...
right_info() { timeout 120 bash "$apps/info_test.sh" "$@" "$PROGRAMS/info"; }

# right_wordcount LAUNCHER...: as without a launcher, which tests/apps compares with coreutils.
right_wordcount() {
  "$PROGRAMS/wordcount" /usr/include/linux --top 0 > "$scratch/alone" 2> "$scratch/log" || die "$(cat "$scratch/log")"
  timeout 60 "$@" "$PROGRAMS/wordcount" /usr/include/linux --top 0 > "$scratch/said" 2> "$scratch/log" ||
    die "status $? from $* wordcount: $(cat "$scratch/log")"
  [[ $(wc -l < "$scratch/said") -gt 1000 ]] || die "too few words: $(head "$scratch/said")"
  cmp "$scratch/said" "$scratch/alone" || die "other counts than without $*"
}

# right_sort CASE LAUNCHER...: as sort(1) sorts.
right_sort() {
  local case=$1
  shift
  [[ -e $scratch/sort ]] || bash "$apps/sort_test.sh" "$scratch/sort" prepare
  timeout 120 bash "$apps/sort_test.sh" "$scratch/sort" "$case" "$@" "$PROGRAMS/sort"
}

# Whether no process of any host was started so.
no_process_named() { ! ps -eo args | grep -qxF "$1"; }

# Whether no program of Mobula's runs on the node.
left_alone() {
  local process
  for process in $(processes_of "$1"); do
    [[ $(readlink "/proc/$process/exe" 2> /dev/null) != "$PROGRAMS"/* ]] || return 1
  done
}
