#!/usr/bin/env bash
# Usage: unshare --mount --pid --fork bash package_root.sh FOLDER REPOSITORY COMMAND... < PACKAGE
#
# Runs COMMAND in a root that is this machine's with another layer above it, in memory: whatever it
# changes is gone with it. There /root has mobula.deb, which is read from standard input, and the
# template; REPOSITORY is empty, as are /tmp and /run.
set -euo pipefail
folder=$1 repository=$2
shift 2
root="$folder/root"

mount -t tmpfs none "$folder"
mkdir "$folder"/{upper,work,root}
mount -t overlay none -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$root"
mount -t proc proc "$root/proc"
for system in /dev /sys; do mount --rbind "$system" "$root$system"; done
for empty in /tmp /run /root; do mount -t tmpfs none "$root$empty"; done
cp -r "$repository/apps/template" "$root/root/template"
cat > "$root/root/mobula.deb"
[[ ! -d $root$repository ]] || mount -t tmpfs none "$root$repository"
exec chroot "$root" "$@"
