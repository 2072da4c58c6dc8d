# shellcheck shell=bash disable=SC2154,SC2164 # variables of deploy.sh, which runs under set -e
# A real Slurm of one node, its daemons on ports of their own, in a temporary folder. Sourced by deploy.sh.

start_slurm() { # FOLDER
    local folder=$1 host
    host=$(hostname -s)
    mkdir -p "$folder"/{munge,state,spool}
    chmod 711 "$work" "$folder" "$folder/munge"
    head -c 1024 /dev/urandom >"$folder/munge/key"
    chmod 600 "$folder/munge/key"
    munged --force --socket="$folder/munge/socket" --key-file="$folder/munge/key" --pid-file="$folder/munge/pid" \
        --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" >/dev/null 2>&1 || return 1
    cleanups+=("end_daemon '$folder/munge/pid'")
    cat >"$folder/slurm.conf" <<CONF
ClusterName=faultline
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MpiDefault=none
ReturnToService=2
KillWait=5
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 State=UNKNOWN
PartitionName=steady Nodes=ALL Default=YES PriorityTier=3 PreemptMode=off
PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=off
PartitionName=preemptible Nodes=ALL PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
CONF
    export SLURM_CONF=$folder/slurm.conf
    slurmctld >"$folder/start.log" 2>&1 || return 1
    cleanups+=("end_daemon '$folder/slurmctld.pid'")
    slurmd >>"$folder/start.log" 2>&1 || return 1
    cleanups+=("end_daemon '$folder/slurmd.pid'")
    # Before the daemons: what is still queued or running.
    cleanups+=("scancel --quiet --user=root; within 20 no_jobs")
    within 30 node_is_idle
}
node_is_idle() { sinfo --noheader --format=%T 2>/dev/null | grep -q idle; }
no_jobs() { [ -z "$(squeue --noheader 2>/dev/null)" ]; }
has_ended() { [ -z "$(squeue --noheader --jobs="$1" 2>/dev/null)" ]; }
outcome() { scontrol show job "$1" | grep -oE 'JobState=[A-Z]+|ExitCode=[0-9:]+' | tr '\n' ' '; }

check_slurm() {
    [ "$(id -u)" -eq 0 ] || { skip "Slurm: its daemons need root"; return; }
    installed slurm-wlm munge || { skip "Slurm: the Debian packages slurm-wlm and munge cannot be installed"; return; }
    compute snip 2
    local folder=$work/slurm log=$work/slurm/job.log extra_log=$work/slurm/extra.log job extra
    start_slurm "$folder" || {
        tail -n 3 "$folder"/*.log >&2
        verdict "Slurm: munged, slurmctld and slurmd start" 1
        return
    }
    export FAULTLINE_KEYS=$keys FAULTLINE_BIN=$bin FAULTLINE_JOIN_FOLDER=$folder FAULTLINE_WAIT=120
    cd "$folder"
    job=$(sbatch --parsable --ntasks=2 --cpus-per-task=1 --output="$log" "$root/deploy/slurm/faultline.sbatch" \
        "${command[@]}" --out "$folder/scores.safetensors")
    extra=$(sbatch --parsable --partition=preemptible --cpus-per-task=1 --output="$extra_log" \
        "$root/deploy/slurm/workers.sbatch" "$folder/faultline-$job.join")
    if within 120 says '^pipeline 3' "$log"; then
        # Wants all that is left, and so sends the worker on the preemptible partition away.
        sbatch --parsable --partition=urgent --ntasks=2 --output=/dev/null --wrap 'sleep 1' >/dev/null
        within 60 says 'worker.* was asked to stop \(SIGTERM\)' "$log" || true
    fi
    within 600 has_ended "$job" || scancel "$job"
    verdict "Slurm: the job ends by itself, $(outcome "$job")" \
        "$(scontrol show job "$job" | grep -q 'JobState=COMPLETED' && echo 0 || echo 1)"
    same_scores "Slurm: the bytes of a single local worker" "$folder/scores.safetensors"
    check "Slurm: a preempted worker hands its work back, and is not taken for a failure" \
        grep 'worker.* was asked to stop (SIGTERM)' "$log"
    check "Slurm: the join file is gone at the end" test ! -e "$folder/faultline-$job.join"
    [ "$failures" -eq 0 ] || tail -n 15 "$log" "$extra_log" >&2
    scancel --quiet "$extra" || true
    check_slurm_time_limit "$folder"
    cd "$root"
    unset FAULTLINE_KEYS FAULTLINE_BIN FAULTLINE_JOIN_FOLDER FAULTLINE_WAIT
}

# The warning before a time limit stops the run in order, and the job goes back into the queue and ends the same.
check_slurm_time_limit() { # FOLDER
    local folder=$1 log=$1/limit.log job before=$failures
    job=$(sbatch --parsable --ntasks=1 --cpus-per-task=2 --output="$log" "$root/deploy/slurm/faultline.sbatch" \
        "${command[@]}" --out "$folder/limit.safetensors")
    within 120 says '^pipeline 1' "$log" || true
    scancel --batch --signal=USR1 "$job"
    within 60 says 'stopped by signal 10' "$log" || true
    within 60 says 'is queued again' "$log" || true
    check "Slurm: SIGUSR1 before the time limit stops the run in order" grep 'stopped by signal 10' "$log"
    # A job that was put back waits a while (120 s by default) before it may start again.
    within 20 is_pending "$job" || true
    # The daemon first has to clear away what is left of the first start.
    sleep 5
    scontrol update JobId="$job" StartTime=now || true
    within 600 has_ended "$job" || scancel "$job"
    verdict "Slurm: the job was queued again and ended, $(outcome "$job")" \
        "$(scontrol show job "$job" | grep -q 'JobState=COMPLETED' && echo 0 || echo 1)"
    same_scores "Slurm: after that, the same bytes" "$folder/limit.safetensors"
    [ "$failures" -eq "$before" ] || tail -n 15 "$log" "$folder"/*slurmd*.log >&2
}
is_pending() { squeue --noheader --jobs="$1" --format=%T 2>/dev/null | grep -q PENDING; }
