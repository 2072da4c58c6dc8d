#!/usr/bin/env bash
# Starts Faultline workers on a list of hosts over ssh, says what they do, and stops them (deploy/ssh/README.md).
#
#   fleet.sh start HOSTS ENDPOINT    one worker a line of HOSTS: "host [threads [memory in GiB]]"; # begins a comment
#   fleet.sh status HOSTS
#   fleet.sh stop HOSTS              SIGTERM: each finishes what ends within 20 s
#   fleet.sh log HOSTS               each worker's last line
#
# Environment: FAULTLINE_KEYS (folder with worker-ssh.key, copied to the hosts; or FAULTLINE_PLAIN_TCP=yes), FAULTLINE_WORKER
# (the program on the hosts), FAULTLINE_REMOTE (folder on the hosts, default .faultline in the home folder), FAULTLINE_SSH.
set -euo pipefail

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
[ $# -ge 2 ] || usage
action=$1
hosts=$2
[ -r "$hosts" ] || { echo "fleet.sh: $hosts: cannot read this list of hosts" >&2; exit 2; }
program=${FAULTLINE_WORKER:-faultline-worker}
remote=${FAULTLINE_REMOTE:-.faultline}
read -ra ssh_command <<<"${FAULTLINE_SSH:-ssh -o BatchMode=yes -o ConnectTimeout=10}"
key_name=${FAULTLINE_WORKER_KEY:-worker-ssh.key}

# Runs the script on standard input on HOST, with arguments; every one of them is quoted for the shell on the other side.
on() { # HOST ARGUMENT...
    local host=$1 words=""
    shift
    [ $# -eq 0 ] || words=$(printf ' %q' "$@")
    "${ssh_command[@]}" "$host" "bash -s --$words"
}

start() { # HOST THREADS MEMORY ENDPOINT
    local options=(--connect "$4" --wait "${FAULTLINE_WAIT:-600}")
    [ -z "$2" ] || options+=(--threads "$2")
    [ -z "$3" ] || options+=(--memory "$3")
    if [ -n "${FAULTLINE_KEYS:-}" ]; then
        # Through standard input: a key never appears among a program's arguments.
        "${ssh_command[@]}" "$1" "umask 077; mkdir -p $(printf %q "$remote") && cat >$(printf %q "$remote/worker.key")" \
            <"$FAULTLINE_KEYS/$key_name"
        options+=(--keys "$remote/worker.key")
    elif [ "${FAULTLINE_PLAIN_TCP:-}" = yes ]; then
        options+=(--insecure-plain-tcp)
    else
        echo "fleet.sh: set FAULTLINE_KEYS to the folder that 'faultline keygen --out' made" >&2
        exit 2
    fi
    on "$1" "$remote" "$program" "${options[@]}" <<'REMOTE'
set -eu
umask 077
folder=$1 program=$2
shift 2
mkdir -p "$folder"
if [ -s "$folder/pid" ] && pid=$(cat "$folder/pid") && kill -0 "$pid" 2>/dev/null &&
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q faultline-worker; then
    echo "runs already (pid $pid)"
    exit 0
fi
command -v "$program" >/dev/null || { echo "no program $program here"; exit 1; }
# A session of its own: it lives on when ssh has gone.
setsid nohup "$program" "$@" >"$folder/worker.log" 2>&1 </dev/null &
echo $! >"$folder/pid"
echo "started (pid $!)"
REMOTE
}

status() { # HOST
    on "$1" "$remote" <<'REMOTE'
folder=$1
pid=$(cat "$folder/pid" 2>/dev/null) || { echo "never started"; exit 0; }
if kill -0 "$pid" 2>/dev/null && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q faultline-worker; then
    echo "runs (pid $pid)"
else
    echo "has ended: $(tail -n 1 "$folder/worker.log")"
fi
REMOTE
}

stop() { # HOST
    on "$1" "$remote" <<'REMOTE'
folder=$1
pid=$(cat "$folder/pid" 2>/dev/null) || { echo "never started"; exit 0; }
mine() { kill -0 "$pid" 2>/dev/null && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q faultline-worker; }
if mine; then
    kill -TERM "$pid"
    for _ in $(seq 300); do mine || break; sleep 0.1; done
    if mine; then kill -KILL "$pid"; echo "killed after 30 s"; else echo "stopped"; fi
else
    echo "had ended"
fi
rm -f "$folder/pid" "$folder/worker.key"
REMOTE
}

log() { # HOST
    on "$1" "$remote" <<'REMOTE'
tail -n 1 "$1/worker.log" 2>/dev/null || echo "no log"
REMOTE
}

case $action in
start) [ $# -eq 3 ] || usage ;;
status | stop | log) [ $# -eq 2 ] || usage ;;
*) usage ;;
esac

# All hosts at once; each answers with one line.
failures=$(mktemp)
trap 'rm -f "$failures"' EXIT
while read -r host threads memory _; do
    {
        if [ "$action" = start ]; then
            said=$(start "$host" "$threads" "$memory" "$3" 2>&1) || echo "$host" >>"$failures"
        else
            said=$("$action" "$host" 2>&1) || echo "$host" >>"$failures"
        fi
        echo "$host: $(tail -n 1 <<<"$said")"
    } </dev/null &
done < <(sed 's/#.*//' "$hosts" | awk 'NF')
wait
[ ! -s "$failures" ] || { echo "fleet.sh: $action failed on $(wc -l <"$failures") host(s)" >&2; exit 1; }
