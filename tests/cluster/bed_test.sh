#!/usr/bin/env bash
# Usage: with_nodes.sh 3 bed_test.sh CASE HELLO TICKING_SERVER
#
# Whether the nodes are what with_nodes.sh and verbs.sh say of them.
set -euo pipefail
source "$CLUSTER_HOME/verbs.sh"
case=$1 hello=$2 server=$3
scratch="$(mktemp -d)"

die() { echo "$*" >&2 && exit 1; }
on_all() { for node in $CLUSTER_NODES; do on "$node" "$@"; done; }
# What all hosts say must be different, or, `same`, one thing.
different() { [[ $( (on_all "$@" && "$@") | sort -u | wc -l) -eq 4 ]] || die "not different: $*"; }
same() { [[ $( (on_all "$@" && "$@") | sort -u | wc -l) -eq 1 ]] || die "not the same: $*"; }

# node1 reads from a server on node2 that sends a byte every 10 ms.
start_ticking() {
  on node2 "$server" 7000 &
  on node1 bash -c 'until exec 3< /dev/tcp/node2/7000; do sleep 0.02; done 2> /dev/null
    cat <&3 > "$0/ticks"; echo > "$0/closed"' "$CLUSTER_SHARED" &
  : > "$CLUSTER_SHARED/ticks"
  await 10 "node1 to hear from node2" more_ticks_than 10
}
ticks() { stat -c %s "$CLUSTER_SHARED/ticks"; }
more_ticks_than() { [[ $(ticks) -gt $1 ]]; }
no_ticks() {
  local before
  before=$(ticks)
  sleep 0.3
  [[ $(ticks) -eq $before ]]
}
is_open() { [[ ! -e $CLUSTER_SHARED/closed ]] || die "the connection was closed"; }

case $case in
  apart)
    different cat /proc/sys/kernel/hostname
    different cat /proc/sys/kernel/random/boot_id
    for kind in net pid ipc mnt uts; do different readlink "/proc/self/ns/$kind"; done
    for folder in /tmp /dev/shm /run; do
      different stat -c %d "$folder"
      on node1 touch "$folder/of_node1"
      on node1 test -e "$folder/of_node1" || die "$folder can't be written"
      [[ ! -e $folder/of_node1 ]] || die "the front sees node1's $folder"
      ! on node2 test -e "$folder/of_node1" || die "node2 sees node1's $folder"
    done
    on node1 touch "$CLUSTER_SHARED/of_node1"
    same ls "$CLUSTER_SHARED"
    same pwd
    [[ $(on node1 ls /sys/class/net | xargs) == "eth0 lo" ]] || die "node1 has $(on node1 ls /sys/class/net)"
    [[ $(on node1 ps -e -o args= | grep -c 'node.sh') -eq 1 ]] || die "node1 sees others' processes"
    same bash -c 'getent hosts node1 node2 node3 front | wc -l'
    [[ $(ls /tmp) == "$(basename "$scratch")" ]] || die "the front has the machine's /tmp: $(ls /tmp)"
    [[ $(($(sed -n 's/^SigIgn:\s*/0x/p' /proc/self/status) & 2)) -eq 0 ]] || die "interrupts are ignored"
    status=0
    on node2 sh -c 'exit 42' || status=$?
    [[ $status -eq 42 ]] || die "status $status for 42"
    ! on node4 true 2> /dev/null || die "there is a node4"
    ;;
  mpirun)
    for many in 1 2; do
      timeout 60 mpirun -H "$(slots "$many")" "$hello" > "$scratch/said" || die "mpirun's status is $?"
      for node in $CLUSTER_NODES; do
        [[ $(grep -c "on $node with $many, sum" "$scratch/said") -eq $many ]] ||
          die "not $many on $node: $(cat "$scratch/said")"
      done
    done
    # As over ssh, nothing of the environment comes along unless it is asked to.
    export PASSED=passed
    [[ $(mpirun -H node1:1 env | grep -c '^PASSED=') -eq 0 ]] || die "the environment came along"
    [[ $(mpirun -H node1:1 -x PASSED env | grep -c '^PASSED=passed') -eq 1 ]] || die "-x has no effect"
    ;;
  freeze)
    start_ticking
    freeze node2
    await 10 "node2 to be silent" no_ticks
    on node1 true
    on node3 bash -c ': < /dev/tcp/node2/7000' || die "the kernel of what is frozen still answers"
    before=$(ticks)
    thaw node2
    await 10 "node2 to go on" more_ticks_than "$before"
    is_open
    ;;
  cut_off)
    start_ticking
    cut_off node2
    await 10 "node2 not to be heard" no_ticks
    on node2 bash -c ': < /dev/tcp/node2/7000' || die "it goes on, for itself"
    before=$(ticks)
    mend node2
    await 10 "node2 to be heard again" more_ticks_than "$before"
    is_open
    ;;
  crash)
    start_ticking
    on node2 touch /tmp/before
    crash node2
    await 10 "node2 to be silent" no_ticks
    is_open
    ! on node2 true 2> /dev/null || die "it runs something"
    ! pgrep -x ticking_server > /dev/null || die "its processes run"
    on node1 true
    boot node2
    ! on node2 test -e /tmp/before || die "it kept its /tmp"
    [[ $(on node2 cat /proc/sys/kernel/hostname) == node2 ]] || die "another came up"
    [[ $(timeout 60 mpirun -H node2:1,node1:1 "$hello" | grep -c 'of 2 on') -eq 2 ]] ||
      die "it does not work as before"
    ;;
  *)
    die "no case named $case"
    ;;
esac
