# shellcheck shell=bash disable=SC2154 # variables of faults.sh
# Workers killed at random times for KILL_MINUTES (default 3), each replaced by a new one: the same bytes, and the coordinator
# leaks nothing. Sourced by faults.sh.

descriptors() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
dead_folders() { # socket folders whose owners are gone
    local folder count=0
    for folder in /tmp/fl-??????; do
        [ -e "$folder/.owner" ] || continue
        flock -n "$folder/.owner" true && count=$((count + 1))
    done
    echo "$count"
}

check_kill() {
    # shellcheck source=/dev/null
    source "$root/scripts/check/faults/points.sh"
    study=$work/kill.yaml
    golden=$work/golden-kill
    write_study wanda "$study" "${KILL_SAMPLES:-40}"
    # A pipeline of all workers that trains would be hit by every kill.
    sed -i '/name: tuned/,/finetune/d' "$study"
    local began=$SECONDS
    must "$script: the undisturbed run failed" "$work/golden-kill.log" \
        "$bin/faultline" study run "$study" --run-dir "$golden" --no-cache --workers 1
    local took=$((SECONDS - began))
    # A task that three workers die under is set aside, rightly: nobody is killed more often than a task takes.
    local pause=$((took / 8 > 7 ? took / 8 : 7))
    local end=$((SECONDS + ${KILL_MINUTES:-3} * 60)) run=0 kills=0 workers victim first last name index
    while [ "$SECONDS" -lt "$end" ]; do
        run=$((run + 1))
        name=kill-$run
        workers=()
        start_coordinator "$name" 3 --pipelines $((1 + RANDOM % 3))
        for index in 0 1 2; do
            start_worker "$name-worker" "$work/$name.join"
            workers[index]=$worker
        done
        within 60 says '^pipeline' "$work/$name.log" || true
        sleep 3
        first=$(descriptors "$coordinator")
        while ! gone "$coordinator"; do
            last=$(descriptors "$coordinator")
            sleep $((pause + RANDOM % 7))
            gone "$coordinator" && break
            index=$((RANDOM % 3))
            victim=${workers[index]}
            kill -9 "$victim" 2>/dev/null || continue
            kills=$((kills + 1))
            start_worker "$name-worker" "$work/$name.join"
            workers[index]=$worker
        done
        await "$name" "$coordinator" 5
        same "$name" "$work/$name"
        verdict "$name: descriptors of the coordinator, $first at first and $last at last" \
            "$([ "$last" -le $((first + 4)) ] && echo 0 || echo 1)"
        verdict "$name: nothing was committed twice" "$([ "$(committed_twice "$work/$name")" = 0 ] && echo 0 || echo 1)"
        for worker in "${workers[@]}"; do
            # One that was started as the run ended never met the coordinator: it looks for it for 60 s.
            within 100 gone "$worker" || { verdict "$name: a worker does not end" 1; kill -9 "$worker"; }
        done
    done
    verdict "kill: $kills kills in $run runs (seed $SEED)" "$([ "$kills" -gt 0 ] && echo 0 || echo 1)"
    verdict "kill: no temporary files are left in the run folders" \
        "$([ -z "$(find "$work"/kill-* -path '*/partials/*' -type f -o -name '*.part-*' -o -name status.json)" ] && echo 0 || echo 1)"
    # A coordinator that is killed cannot remove its socket folder: the next one does.
    start "$work/kill-left.log" "$bin/faultline" study run "$study" --run-dir "$work/kill-left" --no-cache --workers 1
    coordinator=$started
    within 60 says '^pipeline' "$work/kill-left.log" || true
    kill -9 "$coordinator"
    wait "$coordinator" 2>/dev/null || true
    within 20 is_positive dead_folders || true
    check "kill: a killed coordinator leaves its socket folder" is_positive dead_folders
    "$bin/faultline" study run "$study" --run-dir "$work/kill-left" --no-cache --workers 1 >>"$work/kill-left.log" 2>&1
    verdict "kill: the next start removes it, $(dead_folders) are left" "$([ "$(dead_folders)" -eq 0 ] && echo 0 || echo 1)"
    same "kill: and goes on" "$work/kill-left"
}
is_positive() { [ "$("$@")" -gt 0 ]; }
