# Sourced by front.sh and node.sh, as root in a mount namespace of their own.

# The folders of the repository and of whoever called are seen everywhere, also if they lie in one
# that each host has for itself.
kept_folders=("$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)" "$(pwd -P)")

# make_private FOLDER: an empty file system in its place, with the kept folders below it.
make_private() {
  local folder=$1 kept descriptor
  local -A held=()
  for kept in "${kept_folders[@]}"; do
    [[ $kept == "$folder"/* && -z ${held[$kept]:-} ]] || continue
    exec {descriptor}< "$kept"
    held[$kept]=$descriptor
  done
  mount -t tmpfs -o mode=1777 none "$folder"
  for kept in "${!held[@]}"; do
    descriptor=${held[$kept]}
    mkdir -p "$kept"
    mount --no-canonicalize --bind "/proc/self/fd/$descriptor" "$kept"
    exec {descriptor}<&-
  done
}

make_private_folders() {
  local here
  here="$(pwd -P)"
  for folder in /dev/shm /tmp /run "$@"; do make_private "$folder"; done
  cd "$here"
}
