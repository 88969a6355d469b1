# Sourced by apps/run.sh, tests/run.sh and benchmarks/run.sh, which stand at the repository's root
# when they call these functions.

# Open MPI refuses to start as root unless told twice.
if [[ $(id -u) -eq 0 ]]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# configure PRESET [CMake's arguments]: into build/PRESET, with ccache where it is installed.
configure() {
  local preset="$1"
  shift
  local launcher=()
  if command -v ccache > /dev/null; then
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  cmake --preset "$preset" --log-level=WARNING "${launcher[@]}" "$@"
}

# build PRESET [targets]
build() {
  local preset="$1"
  shift
  cmake --build "build/$preset" ${1:+--target "$@"}
}
