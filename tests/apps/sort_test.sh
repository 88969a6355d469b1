#!/usr/bin/env bash
# Usage: sort_test.sh FOLDER CASE COMMAND...
#
# Runs sort (COMMAND: its path, after a launcher if there is one) on inputs that the case `prepare`
# made in FOLDER, and compares with what sort(1) makes of the same records.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

out="$folder/$$.sorted"

# Any bytes, as lines of 100 times " xx".
as_lines() { od -An -v -tx1 -w100; }

prepare() {
  rm -rf "$folder"
  mkdir -p "$folder/binary"
  cd "$folder/binary"
  # All bytes there are, and keys that come often.
  head -c 12000000 < <(cat /usr/bin/[a-m]* 2> /dev/null) > all
  head -c 100 /usr/bin/bash > one_record
  : > none
  head -c 150 all > ../half_a_record
  cat all none one_record | as_lines | sort -s -k1.1,1.30 > ../binary.lines
  # One key, and the order in which the records come.
  seq -f 'equal keys %088.0f' 1 30000 > ../equal
  cd - > /dev/null
}

# What it wrote, one file after another.
written() { cat "$out"/sorted-*; }

refused() { # message arguments...
  local message=$1
  shift
  run 1 "$@" --out "$out"
  grep -qF "sort: $message" "$folder/$$.err" || { cat "$folder/$$.err" >&2 && die "no '$message'"; }
  [[ ! -e $out ]] || [[ -z $(ls -A "$out") ]] || die "left in its folder: $(ls -A "$out")"
}

case $case in
  prepare)
    prepare
    ;;
  clean)
    rm -rf "$folder"
    ;;
  binary)
    run 0 "$folder"/binary/{all,none,one_record} --out "$out" --parts 7
    [[ $(ls -A "$out" | wc -l) -eq 7 ]] || die "other than 7 files: $(ls -A "$out")"
    written | as_lines | cmp - "$folder/binary.lines" || die "another order than sort(1)'s"
    ;;
  equal)
    run 0 "$folder/equal" --out "$out" --parts 4
    written | cmp - "$folder/equal" || die "not stable"
    largest=$(du -b "$out"/sorted-* | sort -n | tail -n 1 | cut -f 1)
    [[ $largest -lt 1500000 ]] || die "$largest of 3000000 bytes in one of 4 parts"
    ;;
  made)
    run 0 --make 300000 --seed 7 --unsorted --out "$out"
    sort -s -k1.1,1.10 "$out"/made-* > "$folder/$$.expected"
    grep -o 'checksum.* in' "$folder/$$.out" > "$folder/$$.checksum"
    run 0 --make 300000 --seed 7 --out "$out" --no-sync
    written | cmp - "$folder/$$.expected" || die "another order than sort(1)'s"
    grep -qFf "$folder/$$.checksum" "$folder/$$.out" || die "another checksum than before"
    rm "$out"/sorted-*
    run 0 --make 300000 --seed 7 --out "$out" --parts 17 --memory 4MB
    written | cmp - "$folder/$$.expected" || die "another order with other parts"
    ;;
  ten_stores)
    # Between the passes all the records are in the nodes' stores, which have room for a tenth.
    records=$((MOBULA_STORE_BYTES / 10 * NODES))
    run 0 --make "$records" --out "$out" --memory 48MB
    grep -q "^$records records with checksum" "$folder/$$.out" || die "not all were verified"
    [[ $(written | wc -c) -eq $((100 * records)) ]] || die "other than $records records"
    ;;
  empty)
    run 0 "$folder/binary/none" --out "$out"
    [[ $(ls -A "$out") == sorted-00000 && ! -s $out/sorted-00000 ]] || die "not one empty file"
    ;;
  bad_input)
    good="$folder/equal"
    refused "$folder/half_a_record: its 150 bytes are no multiple of 100" "$good" "$folder/half_a_record"
    refused "$folder/missing: No such file or directory" "$folder/missing" "$good"
    refused "$folder: is no regular file" "$folder"
    refused "tasks that may use 10000000 bytes of memory each need at least 9 parts, not 2" \
      --make 500000 --parts 2 --memory 10MB
    # What even root may not read, where sysfs is mounted; else what others may not.
    closed=/sys/bus/cpu/uevent
    if [[ $(id -u) -ne 0 ]]; then
      closed="$folder/$$.closed"
      cp "$good" "$closed" && chmod 000 "$closed"
    fi
    if [[ -e $closed ]]; then refused "$closed: Permission denied" "$closed"; fi
    ;;
  bad_folder)
    out=/proc/sorted
    refused "/proc/sorted: No such file or directory" "$folder/equal"
    out="$folder/equal"
    run 1 "$folder/equal" --out "$out"
    grep -qF "sort: $out: Not a directory" "$folder/$$.err" || die "not named"
    out="$folder/$$.taken"
    mkdir "$out" && : > "$out/sorted-00042"
    run 1 "$folder/equal" --out "$out"
    grep -qF "sort: $out: has such files already (sorted-00042)" "$folder/$$.err" || die "not named"
    [[ $(ls -A "$out") == sorted-00042 ]] || die "other files than before: $(ls -A "$out")"
    ;;
  disk_full)
    # A small file system that nobody else sees, where that is allowed: else 77, for "skipped".
    small="$folder/$$.small"
    mkdir "$small"
    apart=(unshare --mount)
    [[ $(id -u) -eq 0 ]] || apart+=(--user --map-root-user)
    "${apart[@]}" mount -t tmpfs none "$small" 2> /dev/null || exit 77
    "${apart[@]}" bash "$0" "$small" on_a_small_disk "${command[@]}"
    ;;
  on_a_small_disk)
    small="$folder"
    folder=$(dirname "$folder")
    mount -t tmpfs -o size=5m none "$small"
    out="$small/out"
    run 1 --make 200000 --out "$out" --parts 4
    grep -qE "can't write $out/.*: No space left on device" "$folder/$$.err" || die "not named"
    [[ -z $(ls -A "$out") ]] || die "left in its folder: $(ls -A "$out")"
    ;;
  usage)
    run 64
    run 64 --out "$out"
    run 64 "$folder/equal"
    run 64 "$folder/equal" --make 10 --out "$out"
    run 64 "$folder/equal" --unsorted --out "$out"
    run 64 --make -1 --out "$out"
    run 64 --make 10 --parts 0 --out "$out"
    run 64 --make 10 --memory much --out "$out"
    [[ ! -e $out ]] || die "it has made a folder"
    run 0 --help
    grep -q 'FILE' "$folder/$$.out" || die "--help does not say what FILE is"
    ;;
  lines)
    run 0 --make 100000 --out "$out"
    ! grep -q $'\r' "$folder/$$.err" || die "a bar, where there is no terminal"
    grep -qE '^merging 100 % .*B/s' "$folder/$$.err" || die "no rate"
    ;;
  bar)
    # script(1) lends it a terminal.
    TERM=xterm script -qec "${command[*]} --make 500000 --out $out" /dev/null > "$folder/$$.out"
    for pass in partitioning merging; do
      grep -q $'\r'"$pass \[#" "$folder/$$.out" || die "no bar for $pass on a terminal"
    done
    grep -qE '[0-9] [kMG]?B/s +[0-9]+ s left' "$folder/$$.out" || die "no rate and time left"
    ;;
  *)
    die "no case named $case"
    ;;
esac
