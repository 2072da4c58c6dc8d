# shellcheck shell=bash disable=SC2154 # variables of faults.sh
# A worker ends as by kill -9 at a named point of its work: at its hello, while it loads, computes, offers a result, sends it,
# and before it hears that the result is safe. Sourced by faults.sh.

start_worker() { # NAME JOIN-FILE [OPTION...]: sets worker
    local name=$1 join=$2
    shift 2
    start "$work/$name.log" "$bin/faultline-worker" --join-file "$join" --threads 1 --memory 2 --wait 60 "$@"
    worker=$started
}
start_coordinator() { # NAME WORKERS [OPTION...]: sets coordinator
    local name=$1 workers=$2
    shift 2
    start "$work/$name.log" "$bin/faultline" study run "$study" --run-dir "$work/$name" --no-cache --listen tcp://127.0.0.1:0 \
        --join-file "$work/$name.join" --workers "$workers" "$@"
    coordinator=$started
}
# Seconds from a task's interruption to its next grant, the longest; nothing where there was none.
slowest_regrant() { # FOLDER
    sql "$1" "SELECT max(seconds) FROM (SELECT min(g.seconds) - i.seconds AS seconds FROM event i JOIN event g
        ON g.task = i.task AND g.kind = 'granted' AND g.id > i.id WHERE i.kind = 'interrupted' GROUP BY i.id)"
}
committed_twice() { # FOLDER
    sql "$1" "SELECT count(*) FROM (SELECT 1 FROM event WHERE kind = 'committed' AND task <> '' GROUP BY task, text
        HAVING count(*) > 1)"
}

check_points() {
    golden_of wanda
    local point name victim status others slowest
    for point in hello:1 load:1 compute:30 offer:2 transfer:1 transfer:4 commit:2; do
        name=point-${point/:/-}
        others=()
        start_coordinator "$name" 2 --pipelines 2
        FAULTLINE_DIE_AT=$point start_worker "$name-victim" "$work/$name.join"
        victim=$worker
        for _ in 1 2; do
            start_worker "$name-other" "$work/$name.join"
            others+=("$worker")
        done
        await "$name" "$coordinator" "${LIMIT:-600}"
        status=0
        wait "$victim" || status=$?
        verdict "$name: the worker was killed there" "$([ "$status" -eq 137 ] && echo 0 || echo 1)"
        same "$name" "$work/$name"
        verdict "$name: nothing was committed twice" "$([ "$(committed_twice "$work/$name")" = 0 ] && echo 0 || echo 1)"
        slowest=$(slowest_regrant "$work/$name")
        [ -z "${slowest:-}" ] || [ "$slowest" = None ] ||
            verdict "$name: its work was granted again after $slowest s" "$(below "$slowest" 35 && echo 0 || echo 1)"
        for worker in "${others[@]}"; do
            status=0
            wait "$worker" || status=$?
            [ "$status" -eq 0 ] || verdict "$name: another worker ended with exit code $status" 1
        done
        rm -rf "${work:?}/$name"
    done
}
