# shellcheck shell=bash disable=SC2154 # variables of faults.sh
# Networks that break: a coordinator and two workers in namespaces of their own (scripts/check/deploy/network.sh makes them),
# cut off for short, for longer than the lease, one way, half open, between two stages, and around the coordinator. Sourced
# by faults.sh.

cut_off() { # NAME in|out|both [ADDRESS]: packets are dropped
    local name=$1 way=$2 address=${3:-}
    in_space "$name" nft -f - <<RULES
table inet cut {
    chain incoming {
        type filter hook input priority -10;
        $([ "$way" = out ] || echo "iifname \"eth0\" ${address:+ip saddr $address} drop")
    }
    chain outgoing {
        type filter hook output priority -10;
        $([ "$way" = in ] || echo "oifname \"eth0\" ${address:+ip daddr $address} drop")
    }
}
RULES
}
mend() { in_space "$1" nft delete table inet cut; }

check_partition() {
    # shellcheck source=/dev/null
    source "$root/scripts/check/deploy/network.sh"
    [ "$(id -u)" -eq 0 ] || { skip "network namespaces: they need root"; return; }
    installed iproute2 nftables || { skip "network namespaces: the Debian packages iproute2 and nftables cannot be installed"; return; }
    if ! RATE=1gbit LOSS=1 make_network >"$work/network.log" 2>&1; then
        skip "network namespaces: this kernel refuses them ($(tail -n 1 "$work/network.log"))"
        return
    fi
    golden_of wanda
    "$bin/faultline" keygen --out "$work/net-keys" --names w1,w2 >/dev/null
    # NAME SPACE WAY SECONDS LEASE PIPELINES [ADDRESS]
    partition short w1 both 12 30 2
    partition one-way-in w1 in 25 8 2
    partition one-way-out w1 out 25 8 2
    partition stages w1 both 25 8 1 10.77.0.3
    partition coordinator c both 25 8 2
    partition long w1 both 75 30 2
    half_open
}

partition_start() { # NAME LEASE PIPELINES: sets coordinator and workers
    local name=part-$1 lease=$2 pipelines=$3 space
    workers=()
    # Not by in_space: the program itself is to be killed, not a shell around it.
    start "$work/$name.log" ip netns exec "$tag-c" "$bin/faultline" study run "$study" --run-dir "$work/$name" --no-cache --listen tcp://0.0.0.0:0 \
        --join-file "$work/$name.join" --workers 2 --pipelines "$pipelines" --lease "$lease" \
        --keys "$work/net-keys/coordinator.key"
    coordinator=$started
    for space in w1 w2; do partition_worker "$1" "$space"; done
    within 120 has_recorded "$work/$name" committed 2 || true
}
partition_worker() { # NAME SPACE
    start "$work/part-$1-$2.log" ip netns exec "$tag-$2" "$bin/faultline-worker" --join-file "$work/part-$1.join" --threads 1 --memory 2 --wait 60 \
        --keys "$work/net-keys/worker-$2.key"
    workers+=("$started")
}
partition_end() { # NAME SECONDS
    local name=part-$1
    await "$name" "$coordinator" "$2"
    same "$name" "$work/$name"
    for worker in "${workers[@]}"; do
        # One that the coordinator's goodbye did not reach looks for it for 30 + 60 s.
        within 100 gone "$worker" || { verdict "$name: a worker does not end" 1; kill -9 "$worker"; }
    done
}

partition() {
    local name=part-$1 space=$2 way=$3 seconds=$4
    partition_start "$1" "$5" "$6"
    cut_off "$space" "$way" "${7:-}"
    sleep "$seconds"
    mend "$space"
    partition_end "$1" "${LIMIT:-600}"
    if [ "$1" = short ]; then
        verdict "$name: nobody was lost" "$(says '^lost' "$work/$name.log" && echo 1 || echo 0)"
    else
        echo "        $(grep -cE '^lost' "$work/$name.log" || true) lost, $(grep -c ' joined from ' "$work/$name.log") joined, $(grep -c 'start again' "$work/$name.log" || true) pipelines started again"
    fi
}

# A worker's machine is gone without a word: its connection stays open at the coordinator until the lease runs out.
half_open() {
    local name=part-half-open
    partition_start half-open 8 2
    cut_off w1 both
    kill -9 "${workers[0]}"
    within 60 says '^lost' "$work/$name.log" || true
    check "$name: the lease ran out" grep 'silent for' "$work/$name.log"
    mend w1
    unset "workers[0]"
    partition_worker half-open w1
    partition_end half-open "${LIMIT:-600}"
}
