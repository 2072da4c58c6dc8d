#!/usr/bin/env bash
# Prints the path of a Python for comparisons, making a virtual environment the first time:
#   python-env.sh [torch]   torch, transformers, accelerate, gguf, safetensors (bench and check-full), in .venv
#   python-env.sh peft      the same and peft
#   python-env.sh lm-eval   the same and EleutherAI's lm-eval
#   python-env.sh fleet     dask.distributed and parsl (bench), in .venv-fleet
# FAULTLINE_PYTHON, and FAULTLINE_FLEET_PYTHON for the last, name one of your own.
# Where that is not possible: one line on standard error, exit 1.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
kind=${1:-torch}
venv=$root/.venv
variable=FAULTLINE_PYTHON
# transformers reads GGUF since 4.41; the newest release that was tried is pinned.
packages=(torch==2.13.0 transformers==5.23.0 accelerate==1.15.0 gguf==0.19.0 safetensors==0.8.0 sentencepiece==0.2.3 'numpy>=1.26')
modules=(torch transformers accelerate gguf safetensors numpy)
case $kind in
    torch) ;;
    peft) packages+=(peft==0.21.2) modules+=(peft) ;;
    lm-eval) packages+=(lm-eval==0.4.13) modules+=(lm_eval) ;;
    fleet) venv=$root/.venv-fleet variable=FAULTLINE_FLEET_PYTHON packages=(distributed parsl) modules=(distributed parsl) ;;
    *) echo "python-env: torch, peft, lm-eval or fleet, not $kind" >&2; exit 2 ;;
esac
own=${!variable:-}
log=$venv.log
usable() { "$1" -c "$(printf 'import %s\n' "${modules[@]}")" >/dev/null 2>&1; }

if [ -n "$own" ]; then
    usable "$own" && echo "$own" && exit 0
    echo "python-env: $variable=$own cannot import ${modules[*]}" >&2
    exit 1
fi
usable "$venv/bin/python" && echo "$venv/bin/python" && exit 0

attempt() {
    # Debian's own Python needs the python3-venv package, which setup does not ask for.
    local python
    python=$(command -v python3) || { echo "no python3" >"$log"; return 1; }
    if ! "$python" -m venv "$venv" >"$log" 2>&1; then
        bash "$root/scripts/setup/apt-install.sh" python3-venv >>"$log" 2>&1 && "$python" -m venv "$venv" >>"$log" 2>&1 || return 1
    fi
    # A CPU build is a tenth of the size; the default one is what a machine finds where no such index is set.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --timeout 30 --retries 2 "${packages[@]}" \
        >>"$log" 2>&1 </dev/null
    usable "$venv/bin/python"
}
echo "python-env: installing ${modules[*]} into $(basename "$venv") (once)" >&2
if attempt; then
    echo "$venv/bin/python"
else
    echo "python-env: $kind could not be set up ($(grep -m1 -E '^ERROR' "$log" || tail -n1 "$log")); set $variable to a Python that has ${modules[*]}" >&2
    exit 1
fi
