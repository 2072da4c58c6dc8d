# shellcheck shell=bash disable=SC2154 # variables of deploy.sh
# A coordinator and two workers in three network namespaces, joined by a bridge in a fourth. Every link is slow (tbf) and loses
# packets (nftables numgen). Sourced by deploy.sh.

RATE=${RATE:-100mbit}
LOSS=${LOSS:-10} # of 1,000 packets

# Names of this run alone.
tag=fl$$
in_space() { # NAME COMMAND...
    local name=$1
    shift
    ip netns exec "$tag-$name" "$@"
}

make_network() {
    local name address=1
    cleanups+=("for name in hub c w1 w2; do ip netns del $tag-\$name 2>/dev/null; done")
    ip netns add "$tag-hub"
    in_space hub ip link add bridge type bridge
    in_space hub ip link set bridge up
    for name in c w1 w2; do
        ip netns add "$tag-$name"
        in_space "$name" ip link set lo up
        ip -n "$tag-$name" link add eth0 type veth peer name "to-$name" netns "$tag-hub"
        in_space hub ip link set "to-$name" master bridge up
        in_space "$name" ip address add "10.77.0.$address/24" dev eth0
        in_space "$name" ip link set eth0 up
        # A second interface that leads nowhere: what the coordinator names first there answers nobody.
        in_space "$name" ip link add dead0 type dummy
        in_space "$name" ip address add "10.78.$address.1/24" dev dead0
        in_space "$name" ip link set dead0 up
        in_space "$name" ip route add default dev dead0
        in_space "$name" tc qdisc add dev eth0 root tbf rate "$RATE" burst 64k latency 100ms
        in_space "$name" nft -f - <<RULES
table inet lossy {
    chain input {
        type filter hook input priority 0;
        iifname "eth0" numgen random mod 1000 < $LOSS counter drop
    }
}
RULES
        address=$((address + 1))
    done
}

check_network() {
    [ "$(id -u)" -eq 0 ] || { skip "network namespaces: they need root"; return; }
    installed iproute2 nftables || { skip "network namespaces: the Debian packages iproute2 and nftables cannot be installed"; return; }
    if ! make_network >"$work/network.log" 2>&1; then
        skip "network namespaces: this kernel refuses them ($(tail -n 1 "$work/network.log"))"
        return
    fi
    local shape before
    for shape in 1 2; do
        before=$failures
        # SNIP's partials are as large as the model: few blocks over a slow link. Wanda's are small.
        if [ "$shape" -eq 1 ]; then compute snip 6; else compute wanda 1; fi
        network_run "$shape"
        [ "$failures" -eq "$before" ] || tail -n 8 "$work/net-$shape"-*.log >&2
    done
    local dropped
    dropped=$(for name in c w1 w2; do in_space "$name" nft list table inet lossy; done | grep -oE 'packets [0-9]+' |
        awk '{ sum += $2 } END { print sum }')
    verdict "network: links at $RATE that lost $dropped packets" "$([ "${dropped:-0}" -gt 0 ] && echo 0 || echo 1)"
}

network_run() { # PIPELINES
    local name=net-$1 folder=$work/net-$1 status=0 coordinator worker pids=()
    mkdir "$folder"
    for worker in w1 w2; do
        # They are there first, and wait for the file.
        start "$work/$name-$worker.log" ip netns exec "$tag-$worker" "$bin/faultline-worker" --join-file "$folder/join" \
            --threads 1 --memory 2 --wait 60 --keys "$keys/worker-$worker.key"
        pids+=("$started")
    done
    start "$work/$name-c.log" ip netns exec "$tag-c" timeout 400 "$bin/faultline" "${command[@]}" \
        --out "$folder/scores.safetensors" --listen tcp://0.0.0.0:0 --join-file "$folder/join" --workers 2 --pipelines "$1" \
        --keys "$keys/coordinator.key"
    coordinator=$started
    wait "$coordinator" || status=$?
    verdict "network: two workers in $1 pipeline(s) over slow, lossy links" "$status"
    same_scores "network: the bytes of a single local worker, $1 pipeline(s)" "$folder/scores.safetensors"
    for worker in "${pids[@]}"; do
        status=0
        wait "$worker" || status=$?
        [ "$status" -eq 0 ] || verdict "network: a worker ends well (exit code $status)" 1
    done
    check "network: the worker passed by an address that does not answer" grep -h 'joining tcp://10.77.0.1:' "$work/$name-w1.log"
    check "network: the join file is gone at the end" test ! -e "$folder/join"
}
