# shellcheck shell=bash disable=SC2154 # variables of deploy.sh
# A result of 1 GiB over a link of 8 MB/s that is cut three times: delivered, resumed at the chunk, memory within 64 MB on both
# ends. A coordinator and a worker without a model (`faultline bench-fleet`), with keys, in two network namespaces.
# Sourced by deploy.sh. BULK_MIB, BULK_RATE and CUTS choose; CUT=all cuts the control connection, too.

bulk_space() { # NAME COMMAND...
    local name=$1
    shift
    ip netns exec "flb$$-$name" "$@"
}

make_bulk_network() {
    cleanups+=("ip netns del flb$$-c 2>/dev/null; ip netns del flb$$-w 2>/dev/null")
    ip netns add "flb$$-c"
    ip netns add "flb$$-w"
    ip -n "flb$$-c" link add eth0 type veth peer name eth0 netns "flb$$-w"
    local name address=1
    for name in c w; do
        bulk_space "$name" ip link set lo up
        bulk_space "$name" ip address add "10.79.0.$address/24" dev eth0
        bulk_space "$name" ip link set eth0 up
        bulk_space "$name" tc qdisc add dev eth0 root tbf rate "${BULK_RATE:-64mbit}" burst 64k latency 100ms
        address=$((address + 1))
    done
    bulk_space c nft add table inet cut
    bulk_space c nft add chain inet cut input '{ type filter hook input priority 0; }'
}

sent_by_worker() { bulk_space w cat /sys/class/net/eth0/statistics/tx_bytes; }
memory_of() { awk -v key="$2:" '$1 == key { print int($2 / 1024) }' "/proc/$1/status"; } # PID VmRSS|VmHWM, in MiB
program_of() { # PID: what runs at the end of its wrappers
    local pid=$1 child
    while child=$(pgrep -P "$pid" | head -n 1) && [ -n "$child" ]; do pid=$child; done
    echo "$pid"
}
sent_at_least() { [ "$(sent_by_worker)" -ge "$1" ] || gone "$2"; }
port_sending_most() {
    # The connection's own line, then one that begins with a space.
    bulk_space w ss -tniH state established | awk '
        /^[^ \t]/ { split($3, a, ":"); port = a[length(a)] }
        match($0, /bytes_sent:[0-9]+/) { n = substr($0, RSTART + 11, RLENGTH - 11) + 0; if (n > most) { most = n; best = port } }
        END { print best }'
}

cut_once() {
    local port match
    port=$(port_sending_most)
    match="tcp sport $port"
    [ "${CUT:-bulk}" = bulk ] || match="tcp dport $(bulk_space c ss -tlnH | awk '{ sub(".*:", "", $4); print $4; exit }')"
    # shellcheck disable=SC2086 # words of a rule
    bulk_space c nft add rule inet cut input $match reject with tcp reset
    sleep 2
    bulk_space c nft flush chain inet cut input
}

# A result of 24 MiB where there is room for 10: it waits, says so, and goes on when there is.
check_full_disk() {
    local folder=$work/full coordinator status=0
    mkdir -p "$folder"
    if ! mount -t tmpfs -o size=40m tmpfs "$folder" 2>"$work/mount.log"; then
        skip "a full disk under a result: $(tail -n 1 "$work/mount.log")"
        return
    fi
    cleanups+=("umount $folder")
    head -c $((30 << 20)) /dev/zero >"$folder/ballast"
    start "$work/full.log" timeout 120 "$bin/faultline" bench-fleet --workers 1 --result-bytes $((24 << 20)) --run-dir "$folder/run"
    coordinator=$started
    check "bulk: a full disk is said" within 60 grep -q 'the disk is full or read-only' "$work/full.log"
    check "bulk: it is waited for" kill -0 "$coordinator"
    rm -f "$folder/ballast"
    wait "$coordinator" || status=$?
    verdict "bulk: it goes on when there is room" "$status"
}

check_bulk() {
    [ "$(id -u)" -ne 0 ] || check_full_disk
    [ "$(id -u)" -eq 0 ] || { skip "bulk transfer over a cut link: network namespaces need root"; return; }
    installed iproute2 nftables || { skip "bulk transfer over a cut link: iproute2 and nftables cannot be installed"; return; }
    if ! make_bulk_network >"$work/bulk-network.log" 2>&1; then
        skip "bulk transfer over a cut link: this kernel refuses namespaces ($(tail -n 1 "$work/bulk-network.log"))"
        return
    fi
    local bytes=$((${BULK_MIB:-1024} << 20)) folder=$work/bulk status=0 coordinator worker cut before=$failures
    mkdir "$folder"
    start "$folder/worker.log" ip netns exec "flb$$-w" "$bin/faultline-worker" --join-file "$folder/join" --threads 1 --wait 60 \
        --idle-engine "$bytes" --keys "$keys/worker-w1.key"
    worker=$started
    ip netns exec "flb$$-c" timeout 900 "$bin/faultline" bench-fleet --listen tcp://10.79.0.1:0 --join-file "$folder/join" --workers 1 \
        --keys "$keys/coordinator.key" --run-dir "$folder/run" >"$folder/out" 2>"$folder/coordinator.log" &
    coordinator=$!
    cleanups+=("end_started $coordinator")
    within 60 sent_at_least $((bytes / 16)) "$coordinator" || true
    local program peak worker_program worker_before coordinator_before
    program=$(program_of "$coordinator")
    worker_program=$(program_of "$worker")
    worker_before=$(memory_of "$worker_program" VmRSS)
    coordinator_before=$(memory_of "$program" VmRSS)
    # The peak from here on.
    echo 5 >"/proc/$worker_program/clear_refs"
    for ((cut = 1; cut <= ${CUTS:-3}; cut++)); do
        within 300 sent_at_least $((bytes * cut / (${CUTS:-3} + 1))) "$coordinator" || true
        cut_once
    done
    within 600 sent_at_least $((bytes * 15 / 16)) "$coordinator" || true
    peak=$(memory_of "$worker_program" VmHWM || echo 0)
    check "bulk: the worker's memory grew by $((peak - worker_before)) MiB from $worker_before" test "$((peak - worker_before))" -le 64
    peak=$(memory_of "$program" VmHWM || echo 0)
    check "bulk: the coordinator's peak is $peak MiB, $coordinator_before when the transfer began" \
        test "$((peak - coordinator_before))" -le 64
    wait "$coordinator" || status=$?
    local sent
    sent=$(sent_by_worker)
    verdict "bulk: $((bytes >> 20)) MiB over ${BULK_RATE:-64mbit} with ${CUTS:-3} cuts" "$status"
    local got
    got=$(grep -o '"bytes":[0-9]*' "$folder/out" | cut -d: -f2)
    check "bulk: it is whole" test "${got:-0}" -ge "$bytes"
    # Headers of TCP and CURVE take up to 6 %; a transfer that began anew would take 75 % more.
    check "bulk: resumed at the chunk ($((sent >> 20)) MiB went over the link)" test "$sent" -lt $((bytes * 108 / 100 + (16 << 20)))
    [ "$failures" -eq "$before" ] || tail -n 8 "$folder"/*.log >&2
}
