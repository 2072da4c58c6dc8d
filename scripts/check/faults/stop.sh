# shellcheck shell=bash disable=SC2154 # variables of faults.sh
# SIGSTOP past the lease, then SIGCONT, while it scores: its work goes elsewhere, what it brings late changes nothing, and it
# joins again. The coordinator itself stopped for as long: nobody is blamed. Sourced by faults.sh.

check_stop() {
    # shellcheck source=/dev/null
    source "$root/scripts/check/faults/points.sh"
    golden_of wanda
    local name=stop first second stopped regrant lease=8
    start_coordinator "$name" 2 --pipelines 2 --lease $lease
    start_worker "$name-1" "$work/$name.join"
    first=$worker
    start_worker "$name-2" "$work/$name.join"
    second=$worker
    within 90 has_recorded "$work/$name" committed 3 || true
    stopped=$(date +%s.%N)
    kill -STOP "$first"
    within 40 says 'lost .*silent for' "$work/$name.log" || true
    sleep 8
    kill -CONT "$first"
    await "$name" "$coordinator" "${LIMIT:-600}"
    same "$name" "$work/$name"
    check "$name: the lease ran out" grep 'silent for' "$work/$name.log"
    check "$name: it joined again" test "$(grep -c ' joined from ' "$work/$name.log")" -ge 3
    # By another that idled, as late, or when the lease was over.
    regrant=$(sql "$work/$name" "SELECT min(g.seconds) - $stopped FROM event g WHERE g.seconds > $stopped
        AND (g.kind = 'copied' OR g.kind = 'granted' AND EXISTS (SELECT 1 FROM event i
            WHERE i.kind = 'interrupted' AND i.task = g.task AND i.id < g.id))")
    verdict "$name: its work was granted again $regrant s after it stopped (lease $lease s)" \
        "$(below "${regrant/None/999}" $((lease + 5)) && echo 0 || echo 1)"
    for worker in "$first" "$second"; do within 40 gone "$worker" || verdict "$name: a worker does not end" 1; done

    name=stop-coordinator
    start_coordinator "$name" 2 --pipelines 2 --lease $lease
    for _ in 1 2; do start_worker "$name-worker" "$work/$name.join"; done
    within 90 has_recorded "$work/$name" committed 3 || true
    kill -STOP "$coordinator"
    sleep 20
    kill -CONT "$coordinator"
    await "$name" "$coordinator" "${LIMIT:-600}"
    same "$name" "$work/$name"
    verdict "$name: nobody was lost" "$(says '^lost' "$work/$name.log" && echo 1 || echo 0)"
}
