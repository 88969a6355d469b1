#!/usr/bin/env bash
# Usage: wordcount_test.sh FOLDER CASE COMMAND...
#
# Runs wordcount (COMMAND: its path, after a launcher if there is one) on inputs that the case
# `prepare` made in FOLDER, with the counts that coreutils find in them.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# As apps/wordcount/main.cpp says; a line end behind each file, for no word goes on into the next.
count_with_coreutils() {
  find "$@" -type f -exec sh -c 'for file; do cat "$file"; echo; done' _ {} + |
    tr -cs 'A-Za-z0-9_\200-\377' '\n' | sed '/^$/d' | sort | uniq -c | sort -k1,1nr -k2
}

prepare() {
  rm -rf "$folder"
  mkdir -p "$folder/odd/deep/er"
  count_with_coreutils /usr/include > "$folder/usr_include.counts"

  cd "$folder/odd"
  : > empty
  : > "deep/empty too"
  printf 'no line end' > deep/no_line_end
  printf 'na\303\257ve caf\303\251 na\303\257ve\n' > deep/er/utf8
  # All bytes there are, over several cuts.
  head -c 12000000 < <(cat /usr/bin/[a-m]* 2> /dev/null) > binary
  # Words that reach over one cut, and over several.
  head -c 3000000 /dev/zero | tr '\0' 'w' > one_long_word
  for i in $(seq 1 40000); do echo "x${i}_abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz"; done | tr '\n' ' ' > one_line
  ln -s . loop
  cd - > /dev/null
  count_with_coreutils "$folder/odd" > "$folder/odd.counts"
}

same_counts() { cmp "$folder/$$.out" "$1" || die "other counts than coreutils'"; }

case $case in
  prepare)
    prepare
    ;;
  clean)
    rm -rf "$folder"
    ;;
  usr_include)
    run 0 /usr/include --top 0
    same_counts "$folder/usr_include.counts"
    ;;
  odd)
    run 0 "$folder/odd" --top 0 --parts 3
    same_counts "$folder/odd.counts"
    ;;
  top)
    run 0 "$folder/odd" --top 7 --parts 5
    head -n 7 "$folder/odd.counts" | cmp - "$folder/$$.out" || die "another top 7"
    ;;
  empty)
    run 0 "$folder/odd/empty"
    [[ ! -s $folder/$$.out ]] || die "words in an empty file"
    ;;
  unreadable)
    missing="$folder/is not there"
    # What even root may not read, where sysfs is mounted; else what others may not.
    closed=/sys/bus/cpu/uevent
    if [[ $(id -u) -ne 0 ]]; then
      closed="$folder/$$.closed"
      echo words > "$closed" && chmod 000 "$closed"
    fi
    run 2 "$missing" "$folder/odd" "$closed" --top 0
    same_counts "$folder/odd.counts"
    grep -qF "skipped $missing: No such file or directory" "$folder/$$.err" || die "missing not named"
    if [[ -e $closed ]]; then
      grep -qF "skipped $closed: Permission denied" "$folder/$$.err" || die "unreadable not named"
    fi
    ;;
  gigabyte)
    line="$folder/$$.line" # goes with the test
    # Not a pipe into head: its writers end by a signal, which would be the pipe's status.
    head -c 1000000000 < <(yes 'three words here' | tr '\n' ' ') > "$line"
    run 0 "$line" --top 0
    # 17 bytes each, and 7 of the next: "three w".
    printf '%7d %s\n' 58823530 three 58823529 here 58823529 words 1 w > "$folder/$$.expected"
    same_counts "$folder/$$.expected"
    ;;
  usage)
    run 64
    run 64 --parts 0 /usr/include
    run 64 --top -1 /usr/include
    run 64 --no-such-option /usr/include
    run 0 --help
    grep -q 'DIR' "$folder/$$.out" || die "--help does not say what DIR is"
    ;;
  lines)
    run 0 /usr/include/linux
    ! grep -q $'\r' "$folder/$$.err" || die "a bar, where there is no terminal"
    grep -qE '100 % .*B/s' "$folder/$$.err" || die "no rate"
    ;;
  bar)
    # script(1) lends it a terminal.
    TERM=xterm script -qec "${command[*]} /usr/include --top 1" /dev/null > "$folder/$$.out"
    grep -q $'\r'"counting \[#" "$folder/$$.out" || die "no bar on a terminal"
    grep -qE '[0-9] [kMG]?B/s +[0-9]+ s left' "$folder/$$.out" || die "no rate and time left"
    ;;
  *)
    die "no case named $case"
    ;;
esac
