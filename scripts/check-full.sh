#!/usr/bin/env bash
# The slow checks on a real model (SmolLM2, or MODEL): scores against PyTorch's, the same bytes from any fleet, and the
# same bytes after a worker is killed, what comes back after a crash, and deploy/. PAIRS (default 64) examples a run.
# Also zero-shot accuracy against lm-eval (ZERO_SHOT documents a task, default 40; the paper asks 200), and ranks.
# And random configurations, tokenizers and templates against transformers (sweep).
# ONLY="scores zeroshot sweep bytes kill ranks golden resume page report faults deploy plan crowd" chooses.
# Two lanes run at the same time: one computes most of the time, the other mostly waits for leases, disks and networks. What
# holds times against limits (plan, crowd) comes after both, alone. LANES=1 runs one part after the other.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
if [ -z "${MODEL:-}" ]; then
    bash scripts/fetch-smollm2.sh
    MODEL=${FAULTLINE_CACHE:-$root/demo/cache}/smollm2.gguf
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pairs=$work/pairs.jsonl
head -n "${PAIRS:-64}" demo/harmless_pairs.jsonl >"$pairs"
head -n 16 demo/finetune_pairs.jsonl >"$work/others.jsonl"
failures=0

# score METHOD OUT DATA [OPTIONS…]
score() {
    local method=$1 out=$2 data=$3
    shift 3
    bin/faultline score --model "$MODEL" --data "$data" --method "$method" --out "$out" "$@" >>"$work/log" 2>&1 ||
        { tail -n 3 "$work/log" >&2; echo "check-full: faultline score failed ($method $*)" >&2; exit 1; }
}
verdict() { # WORDS STATUS
    if [ "$2" -eq 0 ]; then echo "ok      $1"; else echo "FAILED  $1"; failures=$((failures + 1)); fi
}
same() { # WORDS A B
    cmp -s "$2" "$3" && verdict "$1" 0 || verdict "$1" 1
}

computing="scores zeroshot sweep bytes kill ranks golden resume page report"
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
    if python=$(bash scripts/python-env.sh); then
        "$python" scripts/reference_scores.py --model "$MODEL" --pairs "$pairs" \
            --out-snip "$work/snip-ref.safetensors" --out-wanda "$work/wanda-ref.safetensors" >/dev/null 2>"$work/reference.log" ||
            { tail -n 1 "$work/reference.log" >&2; echo "check-full: the PyTorch reference failed" >&2; exit 1; }
        for method in snip wanda; do
            status=0
            "$python" scripts/compare_scores.py "$work/$method.safetensors" "$work/$method-ref.safetensors" || status=$?
            verdict "$method within 1e-3 of PyTorch, top 1 % masks agree on 99.9 %" $status
        done
    else
        echo "skipped: no PyTorch here"
    fi
}

check_zeroshot() {
    echo "== zero-shot accuracy against lm-eval"
    bash scripts/fetch-zero-shot.sh || { echo "skipped: no documents here"; return; }
    local documents=${FAULTLINE_CACHE:-$root/demo/cache}/zero-shot limit=${ZERO_SHOT:-40} python status
    if ! python=$(bash scripts/python-env.sh lm-eval); then
        echo "skipped: no lm-eval here"
        return
    fi
    # Once as the paper asks, once so short that most questions lose their start.
    for length in "" 48; do
        bin/faultline evaluate --model "$MODEL" --zero-shot "$documents" --zero-shot-limit "$limit" \
            ${length:+--zero-shot-length $length --zero-shot-tasks rte winogrande arc_challenge openbookqa} \
            --perplexity demo/perplexity.txt --perplexity-window 128 \
            --questions-out "$work/questions.jsonl" --out "$work/zero-shot.json" >>"$work/log" 2>&1 ||
            { tail -n 3 "$work/log" >&2; echo "check-full: faultline evaluate failed" >&2; exit 1; }
        status=0
        "$python" scripts/compare_zero_shot.py --model "$MODEL" --documents "$documents" --limit "$limit" \
            ${length:+--max-length $length --tasks rte winogrande arc_challenge openbookqa} \
            --perplexity demo/perplexity.txt --window 128 \
            --questions "$work/questions.jsonl" --results "$work/zero-shot.json" 2>"$work/reference.log" || status=$?
        [ "$status" -eq 0 ] || tail -n 2 "$work/reference.log" >&2
        verdict "log-likelihoods within 1e-3 of lm-eval's, the same accuracies and perplexity${length:+, questions cut to $length tokens}" $status
    done
}

check_sweep() {
    bash scripts/check-sweep.sh || failures=$((failures + 1))
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
            same "SNIP: $name" "$work/snip.safetensors" "$work/other.safetensors"
            mask "$work/other.safetensors" "$work/other-mask.safetensors"
            same "mask: $name" "$work/mask.safetensors" "$work/other-mask.safetensors"
        done
    done
}

check_kill() {
    echo "== kill -9 of one of three workers"
    bin/faultline score --model "$MODEL" --data "$pairs" --method snip --workers 3 --pipelines 3 \
        --out "$work/killed.safetensors" >"$work/kill.log" 2>&1 &
    run=$!
    sleep "${KILL_AFTER:-8}"
    victim=$(ps -o pid=,args= --ppid "$run" | awk '/faultline-worker/ { print $1; exit }')
    if [ -n "$victim" ] && kill -9 "$victim" && wait "$run"; then
        same "SNIP after the kill" "$work/snip.safetensors" "$work/killed.safetensors"
    elif [ -z "$victim" ]; then
        wait "$run" || true
        echo "FAILED  no worker was left to kill after ${KILL_AFTER:-8} s; set KILL_AFTER lower"
        failures=$((failures + 1))
    else
        tail -n 3 "$work/kill.log" >&2
        verdict "the run ends by itself after a kill" 1
    fi
}

check_resume() {
    echo "== kill -9 of the coordinator, and the same command again"
    MODEL=$MODEL bash scripts/check-resume.sh || failures=$((failures + 1))
}

check_faults() {
    MODEL=$MODEL ONLY="points kill journal stop disk partition" bash scripts/check-faults.sh || failures=$((failures + 1))
}

check_crowd() {
    MODEL=$MODEL ONLY="crowd fuzz" bash scripts/check-faults.sh || failures=$((failures + 1))
}

check_golden() {
    echo "== the bytes on record"
    bash scripts/check-golden.sh || failures=$((failures + 1))
}

check_ranks() {
    MODEL=$MODEL bash scripts/check-ranks.sh || failures=$((failures + 1))
}

check_plan() {
    echo "== what plan says, and what it takes"
    MODEL=$MODEL bash scripts/check-plan.sh || failures=$((failures + 1))
}

check_page() {
    MODEL=$MODEL bash scripts/check-page.sh || failures=$((failures + 1))
}

check_report() {
    MODEL=$MODEL bash scripts/check-report.sh || failures=$((failures + 1))
}

check_deploy() {
    MODEL=$MODEL ONLY= bash scripts/check-deploy.sh || failures=$((failures + 1))
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
[ "$total" -eq 0 ] && echo "check-full: all passed in $SECONDS s" || { echo "check-full: $total failed" >&2; exit 1; }
