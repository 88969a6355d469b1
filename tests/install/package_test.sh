#!/usr/bin/env bash
# Usage: package_test.sh BUILD_FOLDER SCRATCH_FOLDER
#
# The Debian package, installed by dpkg in a root of its own, where the template is built and run.
# That root has this machine's system, without this repository and without those development packages
# that neither Mobula's nor a compiler depends on; what is changed there nobody else sees. Skipped,
# saying why, where no such root can be made.
set -euo pipefail
build=$1 scratch=$2
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)"
repository="$(cd "$here/../.." && pwd -P)"
source "$here/common.sh"

skip() { echo "skipped, since no root can be made here: $*" && exit 77; }
[[ $(id -u) -eq 0 ]] || skip "only root may"
for tool in unshare chroot dpkg; do command -v "$tool" > /dev/null || skip "there is no $tool"; done
folder="$scratch/root"
mkdir -p "$folder"
apart=(unshare --mount --pid --fork --kill-child=KILL bash "$here/package_root.sh" "$folder")
why="$("${apart[@]}" "$repository" true 2>&1 < /dev/null)" || skip "$why"

cpack --config "$build/CPackConfig.cmake" -G DEB -B "$scratch/package" \
      -D CPACK_DEBIAN_COMPRESSION_TYPE=gzip > "$scratch/package.log" 2>&1 || { cat "$scratch/package.log" && exit 1; }
package="$(find "$scratch/package" -maxdepth 1 -name '*.deb')"
dpkg-deb --info "$package" | grep -E '^ (Package|Version|Architecture|Depends|Recommends):'
# There: nothing of this environment, and the package's file and the template are all that is new.
"${apart[@]}" "$repository" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 bash -euc '
    cd /root
    dpkg --install mobula.deb
    dpkg --verify libmobula-dev
    apt-mark auto $(apt-mark showmanual) > /dev/null
    apt-mark manual libmobula-dev g++ cmake make pkg-config openmpi-bin > /dev/null
    dpkg --purge --force-depends $(apt-get --simulate autoremove | sed -n "s/^Remv \([^ ]*-dev\) .*/\1/p") > /dev/null
    # Of what this repository is built with, not needed to use it.
    for gone in libboost-context-dev libxxhash-dev libfmt-dev; do ! dpkg --verify $gone 2> /dev/null || exit 1; done
    cmake -S template -B build
    cmake --build build
    build/program
    mpirun --oversubscribe -n 2 build/program
    g++ template/main.cpp $(pkg-config --cflags --libs mobula) -o by_pkg_config
    ./by_pkg_config
    echo == removed ==
    dpkg --remove libmobula-dev
    if cmake -S template -B after > after.log 2>&1; then echo "it is still found" && exit 1; fi
    grep -q "mobulaConfig.cmake" after.log' < "$package" > "$scratch/package.log" 2>&1 || {
  cat "$scratch/package.log"
  die "in the root of its own: status $?"
}
[[ $(grep -cxE 'pi is about 3\.1426: 8000000 darts on 1 node' "$scratch/package.log") -eq 3 ]] || {
  cat "$scratch/package.log"
  die "the program was not right three times"
}
