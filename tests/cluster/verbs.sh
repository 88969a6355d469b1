# Sourced by commands that with_nodes.sh runs: what can be done to a node, by its name.
#
#   on NODE COMMAND...   runs it there, with this environment and folder; its status
#   crash NODE           as if its power were cut: its processes end, and nobody is told
#   freeze, thaw NODE    all its processes stop, and go on
#   cut_off, mend NODE   its network's cable
#   boot NODE            starts it again after a crash, with everything in /tmp, /run, /dev/shm lost
#   slots COUNT          for mpirun -H: so many on each node
#
# Only for processes of the front: nodes don't see each other's.

# The node's process 1, as the front sees it.
process_1_of() {
  cat "$CLUSTER_STATE/$1.process" 2> /dev/null || {
    echo "no node runs by the name '$1'; there are: $CLUSTER_NODES" >&2
    return 1
  }
}

on() {
  local node
  node="$(process_1_of "$1")"
  shift
  # Who enters a mount namespace stands in its root.
  nsenter --target "$node" --mount --net --uts --ipc --pid sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
}

# Addresses that nobody gave out would be tried, too.
without_ipv6() {
  local setting=/proc/sys/net/ipv6/conf
  [[ ! -e $setting ]] || { echo 1 > "$setting/all/disable_ipv6" && echo 1 > "$setting/default/disable_ipv6"; }
}

boot() {
  local name=$1 up said starter process
  up="$CLUSTER_STATE/$name.up"
  mkfifo "$up"
  exec 9<> "$up"
  rm "$up"
  unshare --mount --net --uts --ipc --pid --fork --kill-child=KILL \
    bash "$CLUSTER_HOME/node.sh" "$name" 8>&9 9>&- < /dev/null &
  starter=$!
  disown # nobody's `wait` means it
  read -r -t 30 -u 9 said || said="nothing within 30 s"
  exec 9>&-
  [[ $said == "$name" ]] || { echo "$name did not boot; it said $said" >&2 && return 1; }
  process="$(pgrep -P "$starter")"
  echo "$starter" > "$CLUSTER_STATE/$name.starter"
  echo "$process" > "$CLUSTER_STATE/$name.process"

  ip link add "$name" type veth peer name eth0 netns "$process"
  ip link set "$name" master lan up
  nsenter --target "$process" --net --mount --pid bash -ec "source '$CLUSTER_HOME/verbs.sh'
    without_ipv6
    ip link set lo up
    ip address add 10.88.0.${name#node}/24 dev eth0
    ip link set eth0 up"
}

crash() {
  local node starter
  node="$(process_1_of "$1")"
  starter="$(cat "$CLUSTER_STATE/$1.starter")"
  # First, so that no connection is closed in the sight of its other end.
  cut_off "$1"
  rm "$CLUSTER_STATE/$1".*
  kill -KILL "$starter" # takes process 1 along
  await 10 "$1 to be gone" gone "$node"
  ip link delete "$1"
}

gone() { [[ ! -e /proc/$1 ]]; }

cut_off() { ip link set "$1" down; }
mend() { ip link set "$1" up; }

# All processes there, also those that `on` left waiting outside its process ids.
processes_of() {
  local network process
  network="$(readlink "/proc/$(process_1_of "$1")/ns/net")"
  for process in /proc/[0-9]*; do
    [[ $(readlink "$process/ns/net" 2> /dev/null) != "$network" ]] || echo "${process#/proc/}"
  done
}

all_stopped() {
  local process
  # More, if some were begun meanwhile.
  kill -STOP $(processes_of "$1") 2> /dev/null || true
  for process in $(processes_of "$1"); do
    grep -q '^State:.[TZ]' "/proc/$process/status" 2> /dev/null || return 1
  done
}

freeze() { await 10 "$1 to stand still" all_stopped "$1"; }
thaw() { kill -CONT $(processes_of "$1"); }

slots() {
  local node listed=
  for node in $CLUSTER_NODES; do listed+=",$node:$1"; done
  echo "${listed#,}"
}

# await SECONDS WHAT CONDITION...: fails, with all processes, unless the condition comes true.
await() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    if [[ $SECONDS -ge $deadline ]]; then
      echo "waited in vain for $what" >&2
      ps -eo pid,ppid,stat,wchan:20,args --forest >&2
      return 1
    fi
    sleep 0.02
  done
}
