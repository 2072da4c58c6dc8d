# shellcheck shell=bash disable=SC2154 # variables of faults.sh
# The coordinator ends as by kill -9 after each kind of journal record, and in the middle of it; the same command goes on.
# Sourced by faults.sh.

check_journal() {
    golden_of wanda
    journal_lives journal starting-inside:1 starting:1 noting-inside:5 noting:9 recording-inside:1 recording:1 \
        recording-inside:2 recording:3 reading-inside:3 reading:2 forgetting-inside:1 forgetting:1 \
        tidying-inside:1 tidying:1
    local kinds=(recording recording-inside noting noting-inside) points=()
    for _ in 1 2 3 4 5 6; do points+=("${kinds[RANDOM % 4]}:$((1 + RANDOM % 8))"); done
    journal_lives journal-random "${points[@]}"
    check_journal_damage
}

journal_lives() { # NAME POINT...
    local name=$1 point status reached=0
    shift
    for point in "$@"; do
        status=0
        FAULTLINE_DIE_AT=$point timeout 300 "$bin/faultline" study run "$study" --run-dir "$work/$name" --no-cache \
            --workers $((1 + RANDOM % 3)) >>"$work/$name.log" 2>&1 || status=$?
        case $status in
            137) reached=$((reached + 1)) ;;
            0)
                [ "$name" = journal ] || break
                verdict "$name: the run was over before $point" 1
                ;;
            *) verdict "$name: ended with exit code $status instead of dying at $point" 1 ;;
        esac
    done
    "$bin/faultline" study run "$study" --run-dir "$work/$name" --no-cache --workers 2 >>"$work/$name.log" 2>&1 ||
        verdict "$name: the last life" 1
    same "$name, killed at $reached points ($*)" "$work/$name"
    verdict "$name: nothing committed was computed again" "$([ "$(computed_again "$work/$name")" = 0 ] && echo 0 || echo 1)"
    verdict "$name: no partials are left" "$([ -z "$(find "$work/$name/partials" -type f)" ] && echo 0 || echo 1)"
}

# A torn tail, a flipped bit, a zeroed block: it starts and is right, or says what to do.
check_journal_damage() {
    local kind folder status
    for kind in torn flipped zeroed; do
        folder=$work/journal-$kind
        cp -r "$work/journal" "$folder"
        rm -rf "$folder/scores" "$folder/results.csv"
        python3 - "$folder/journal.sqlite" "$kind" "$SEED" <<'PYTHON'
import os, random, sys
path, kind, seed = sys.argv[1:]
random.seed(int(seed))
data = bytearray(open(path, "rb").read())
if kind == "torn":
    del data[len(data) - random.randrange(1, 4000):]
elif kind == "flipped":
    place = random.randrange(100, len(data))
    data[place] ^= 1 << random.randrange(8)
else:
    place = random.randrange(0, len(data) // 4096) * 4096
    data[place:place + 4096] = bytes(4096)
open(path, "wb").write(data)
for side in ("-wal", "-shm"):
    if os.path.exists(path + side):
        os.remove(path + side)
PYTHON
        status=0
        "$bin/faultline" study run "$study" --run-dir "$folder" --no-cache --workers 2 >"$folder.log" 2>&1 || status=$?
        if [ "$status" -eq 2 ] && says 'is damaged: move it away \(mv ' "$folder.log"; then
            mv "$folder/journal.sqlite" "$folder/journal.sqlite.damaged"
            rm -f "$folder"/journal.sqlite-*
            "$bin/faultline" study run "$study" --run-dir "$folder" --no-cache --workers 2 >>"$folder.log" 2>&1 || true
            same "journal-$kind, moved away as the message says" "$folder"
        else
            [ "$status" -eq 0 ] || tail -n 3 "$folder.log" >&2
            same "journal-$kind, as it is" "$folder"
        fi
    done
}
