# Sourced by the tests of programs, with their arguments: FOLDER CASE COMMAND...
#
# COMMAND is the program's path, after a launcher if there is one. What FOLDER/$$.* is called goes
# with the test.
set -euo pipefail
export LC_ALL=C

folder=$1 case=$2
shift 2
command=("$@")

die() { echo "$(basename "$0" .sh): $*" >&2 && exit 1; }

# Runs it; fails unless its exit status is the first argument.
run() {
  local expected=$1 status=0
  shift
  "${command[@]}" "$@" > "$folder/$$.out" 2> "$folder/$$.err" || status=$?
  [[ $status -eq $expected ]] || { cat "$folder/$$.err" >&2 && die "status $status, not $expected"; }
}
trap 'rm -rf "$folder/$$."*' EXIT
