# Sourced by the tests here. Install.install has put both kinds of Mobula into $scratch/static and
# $scratch/shared.

die() { echo "$*" >&2 && exit 1; }

# check TEXT COMMAND...: that it says just that, within a minute.
check() {
  local wanted=$1 said
  shift
  said="$(timeout 60 "$@")" || die "$* ended with status $?, and said '$said'"
  [[ $said == "$wanted" ]] || die "$* said '$said' instead of '$wanted'"
}

# configure SOURCES FOLDER ARGUMENT...
configure() {
  local sources=$1 folder=$2
  shift 2
  cmake -S "$sources" -B "$folder" -G Ninja "$@" > "$folder.log" 2>&1 || { cat "$folder.log" && exit 1; }
}

# With ccache, where it is installed, as cmake/common.sh has it.
launcher=()
if command -v ccache > /dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
