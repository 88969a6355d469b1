#!/usr/bin/env bash
# Usage: install_packages.sh [apps|tests|benchmarks]...
#
# Installs what is missing of cmake/packages.txt: the lines for everything, and those for the
# purposes named. Says plainly what to do where it may not.
set -euo pipefail

list="$(dirname "${BASH_SOURCE[0]}")/packages.txt"

wanted() {
  local package purposes purpose
  while read -r package purposes; do
    [[ -z $package || $package == \#* ]] && continue
    [[ -z $purposes ]] && echo "$package" && continue
    for purpose in "$@"; do
      [[ " $purposes " == *" $purpose "* ]] && echo "$package" && break
    done
  done < "$list"
  return 0
}

if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
  echo "This is not a Debian system, so nothing was installed: what Mobula needs is listed, by" \
       "Debian's names, in cmake/packages.txt." >&2
  exit 0 # CMake names what it does not find.
fi

missing=()
for package in $(wanted "$@"); do
  # Installed under that name, or provided by another package's.
  status="$(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null || true)"
  [[ $status == *installed* && $status != *not-installed* ]] || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
if [[ $(id -u) -eq 0 ]]; then
  as_root=()
elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
  as_root=(sudo)
else
  echo "These Debian packages are missing, and only root may install them: ${missing[*]}" >&2
  echo "Ask for:  apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

echo "Installing from Debian: ${missing[*]}"
"${as_root[@]}" apt-get update -q
# Debian starts the servers that it installs (munge), or tries to. Nobody here wants that.
"${as_root[@]}" bash -c '
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    trap "rm -f $policy" EXIT
    printf "#!/bin/sh\nexit 101\n" > "$policy"
    chmod +x "$policy"
  fi
  "$@"' bash "${install[@]}"
