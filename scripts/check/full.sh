#!/usr/bin/env bash
# The slow checks on a real model (SmolLM2, or MODEL): scores against PyTorch's, the same bytes from any fleet, and the
# same bytes after a worker is killed, what comes back after a crash, and deploy/. PAIRS (default 64) examples a run.
# Also zero-shot accuracy against lm-eval (ZERO_SHOT documents a task, default 40; the paper asks 200), and ranks.
# And random configurations, tokenizers and templates against transformers (sweep).
# ONLY="scores zeroshot sweep bytes kill ranks related golden resume page report faults deploy plan crowd" chooses.
# Two lanes run at the same time: one computes most of the time, the other mostly waits for leases, disks and networks. What
# holds times against limits (plan, crowd) comes after both, alone. LANES=1 runs one part after the other.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
cd "$root"
find_model
make_work
pairs=$work/pairs.jsonl
head -n "${PAIRS:-64}" demo/harmless_pairs.jsonl >"$pairs"
head -n 16 demo/finetune_pairs.jsonl >"$work/others.jsonl"

# score METHOD OUT DATA [OPTIONS…]
score() {
    local method=$1 out=$2 data=$3
    shift 3
    must "$script: faultline score failed ($method $*)" "$work/log" \
        bin/faultline score --model "$MODEL" --data "$data" --method "$method" --out "$out" "$@"
}

computing="scores zeroshot sweep bytes kill ranks related golden resume page report"
waiting="faults deploy"
alone="plan crowd"
only=${ONLY:-$computing $waiting $alone}
wanted() { case " $only " in *" $1 "*) ;; *) return 1 ;; esac; }

mask() { # SCORES OUT
    bin/faultline mask --safety "$1" --utility "$work/utility.safetensors" --q 1 --p 1 --group matrix --out "$2" >>"$work/log" 2>&1
}

check_scores() {
    echo "== scores against PyTorch"
    score wanda "$work/wanda.safetensors" "$pairs" --workers 1
    if python=$(python_for torch); then
        "$python" scripts/check/reference_scores.py --model "$MODEL" --pairs "$pairs" \
            --out-snip "$work/snip-ref.safetensors" --out-wanda "$work/wanda-ref.safetensors" >/dev/null 2>"$work/reference.log" ||
            { tail -n 1 "$work/reference.log" >&2; echo "$script: the PyTorch reference failed" >&2; exit 1; }
        for method in snip wanda; do
            status=0
            "$python" scripts/check/compare_scores.py "$work/$method.safetensors" "$work/$method-ref.safetensors" || status=$?
            verdict "$method within 1e-3 of PyTorch, top 1 % masks agree on 99.9 %" $status
        done
    else
        echo "skipped: no PyTorch here"
    fi
}

check_zeroshot() {
    echo "== zero-shot accuracy against lm-eval"
    bash scripts/fetch/zero-shot.sh || { echo "skipped: no documents here"; return; }
    local documents=${FAULTLINE_CACHE:-$root/demo/cache}/zero-shot limit=${ZERO_SHOT:-40} python status
    if ! python=$(python_for lm-eval); then
        echo "skipped: no lm-eval here"
        return
    fi
    # Once as the paper asks, once so short that most questions lose their start.
    for length in "" 48; do
        must "$script: faultline evaluate failed" "$work/log" bin/faultline evaluate --model "$MODEL" --zero-shot "$documents" --zero-shot-limit "$limit" \
            ${length:+--zero-shot-length $length --zero-shot-tasks rte winogrande arc_challenge openbookqa} \
            --perplexity demo/perplexity.txt --perplexity-window 128 \
            --questions-out "$work/questions.jsonl" --out "$work/zero-shot.json"
        status=0
        "$python" scripts/check/compare_zero_shot.py --model "$MODEL" --documents "$documents" --limit "$limit" \
            ${length:+--max-length $length --tasks rte winogrande arc_challenge openbookqa} \
            --perplexity demo/perplexity.txt --window 128 \
            --questions "$work/questions.jsonl" --results "$work/zero-shot.json" 2>"$work/reference.log" || status=$?
        [ "$status" -eq 0 ] || tail -n 2 "$work/reference.log" >&2
        verdict "log-likelihoods within 1e-3 of lm-eval's, the same accuracies and perplexity${length:+, questions cut to $length tokens}" $status
    done
}

check_sweep() {
    run_check sweep
}

check_bytes() {
    echo "== the same bytes from any fleet"
    score snip "$work/utility.safetensors" "$work/others.jsonl" --workers 1
    mask "$work/snip.safetensors" "$work/mask.safetensors"
    for shape in "2 1" "2 2" "3 1" "3 3"; do
        read -r workers pipelines <<<"$shape"
        for threads in 1 2; do
            name="$workers workers, $pipelines pipelines, $threads threads"
            score snip "$work/other.safetensors" "$pairs" --workers "$workers" --pipelines "$pipelines" --threads "$threads"
            same_bytes "SNIP: $name" "$work/snip.safetensors" "$work/other.safetensors"
            mask "$work/other.safetensors" "$work/other-mask.safetensors"
            same_bytes "mask: $name" "$work/mask.safetensors" "$work/other-mask.safetensors"
        done
    done
}

check_kill() {
    echo "== kill -9 of one of three workers"
    start "$work/kill.log" bin/faultline score --model "$MODEL" --data "$pairs" --method snip --workers 3 --pipelines 3 \
        --out "$work/killed.safetensors"
    run=$started
    sleep "${KILL_AFTER:-8}"
    victim=$(children "$run" | head -n 1)
    if [ -n "$victim" ] && kill -9 "$victim" && wait "$run"; then
        same_bytes "SNIP after the kill" "$work/snip.safetensors" "$work/killed.safetensors"
    elif [ -z "$victim" ]; then
        wait "$run" || true
        verdict "no worker was left to kill after ${KILL_AFTER:-8} s; set KILL_AFTER lower" 1
    else
        tail -n 3 "$work/kill.log" >&2
        verdict "the run ends by itself after a kill" 1
    fi
}

check_resume() {
    echo "== kill -9 of the coordinator, and the same command again"
    run_check resume
}

check_faults() {
    ONLY="points kill journal stop disk partition" run_check faults
}

check_crowd() {
    ONLY="crowd fuzz" run_check faults
}

check_golden() {
    echo "== the bytes on record"
    run_check golden
}

check_ranks() {
    run_check ranks
}

check_related() {
    run_check related
}

check_plan() {
    echo "== what plan says, and what it takes"
    run_check plan
}

check_page() {
    run_check page
}

check_report() {
    run_check report
}

check_deploy() {
    ONLY="" run_check deploy
}

# lane PARTS: those that are wanted, one after the other; each line says which part it is of.
lane() {
    local part before
    for part in $1; do
        wanted "$part" || continue
        before=$SECONDS
        # A part that ends early leaves this number.
        echo 1 >"$work/failures-$part"
        (
            set -e
            failures=0
            "check_$part" 2>&1
            echo "$failures" >"$work/failures-$part"
        ) | sed -u "s/^/[$part] /"
        echo "[$part] $((SECONDS - before)) s"
    done
}

# What most parts compare with.
if wanted scores || wanted bytes || wanted kill; then score snip "$work/snip.safetensors" "$pairs" --workers 1; fi
set +e # in a lane, a failure ends its part alone
if [ "${LANES:-2}" -eq 2 ]; then
    lane "$waiting" &
    other=$!
    lane "$computing"
    wait "$other"
else
    lane "$computing $waiting"
fi
lane "$alone"
total=$(cat "$work"/failures-* 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }')
[ "$total" -eq 0 ] || { echo "$script: $total failed" >&2; exit 1; }
echo "$script: all passed in $SECONDS s"
