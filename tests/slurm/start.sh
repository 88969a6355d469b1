#!/usr/bin/env bash
# What with_slurm.sh runs on the front: starts Slurm's daemons, there and on the nodes, then the
# command. They end with the hosts.
set -euo pipefail
source "$CLUSTER_HOME/verbs.sh"
PATH="$PATH:/usr/sbin:/sbin"
etc="$CLUSTER_SHARED/etc" log="$CLUSTER_SHARED/log" devices="$CLUSTER_SHARED/devices"
mkdir -m 755 "$etc" "$log" "$devices"
export SLURM_CONF="$etc/slurm.conf"

# The other way, a tree, lets a rank of Slurm 22.05 leave MPI_Init while others are in the midst of it:
# in Open MPI its first message ends them by a signal, 5 times in 120 starts of 6 ranks.
export SLURM_PMIX_FENCE=ring

for gpu in 0 1; do mknod "$devices/gpu$gpu" c 1 3; done
cat > "$etc/gres.conf" << END
AutoDetect=off
NodeName=node[2-3] Name=gpu File=$devices/gpu[0-1]
END
# Nobody makes control groups; without a word here slurmd looks for some, and dies.
echo "CgroupPlugin=cgroup/v1" > "$etc/cgroup.conf"
cat > "$SLURM_CONF" << END
ClusterName=test
SlurmctldHost=front
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$CLUSTER_SHARED/munge.socket,cred_expire=5
StateSaveLocation=$CLUSTER_SHARED/state
SlurmdSpoolDir=$CLUSTER_SHARED/%n/spool
SlurmctldPidFile=$CLUSTER_SHARED/slurmctld.pid
SlurmdPidFile=$CLUSTER_SHARED/%n/slurmd.pid
MailProg=/bin/true
JobCompType=jobcomp/filetxt
JobCompLoc=$CLUSTER_SHARED/ended_jobs

ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
PropagateResourceLimits=NONE
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=1

# The more cpus, the more ranks a job may have: these need not be there.
SlurmdParameters=config_overrides
# By weight, nodes with GPUs are left to who asks for them: else the first part of a heterogeneous job
# takes one, and the second never starts.
NodeName=node1 CPUs=4 Boards=1 SocketsPerBoard=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=1000
NodeName=node[2-3] CPUs=4 Boards=1 SocketsPerBoard=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=1000 Gres=gpu:2 Weight=2
# Who has to make room has ten seconds for it.
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 GraceTime=10 MaxTime=60
PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=OFF MaxTime=60

# A node that is silent for so long is down; one that comes back is used again.
SlurmdTimeout=20
ReturnToService=2
KillWait=5
MessageTimeout=5
TCPTimeout=2
END

# Where munged is left to choose, it wants folders that only an installed service has.
(umask 077 && head -c 1024 /dev/urandom > "$etc/munge.key")
munged --force --key-file="$etc/munge.key" --socket="$CLUSTER_SHARED/munge.socket" \
  --pid-file="$CLUSTER_SHARED/munged.pid" --log-file="$log/munged" --seed-file="$CLUSTER_SHARED/munge.seed"
mkdir "$CLUSTER_SHARED/state"
slurmctld -D -c >> "$log/slurmctld" 2>&1 &
for node in $CLUSTER_NODES; do
  mkdir -p "$CLUSTER_SHARED/$node/spool"
  on "$node" slurmd -D -N "$node" >> "$log/$node" 2>&1 &
done

logs() { tail -n 20 "$log"/* >&2; }
all_idle() { [[ $(sinfo -h -N -o %T 2> /dev/null | sort | uniq -c | xargs) == "6 idle" ]]; }
await 30 "all nodes of Slurm to be idle" all_idle || { logs && exit 1; }
for one in "$log"/*; do : > "$one"; done # from here on it is news

status=0
"$@" || status=$?
[[ $status -eq 0 || $status -eq 77 ]] || logs
exit "$status"
