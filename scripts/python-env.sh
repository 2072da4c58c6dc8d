#!/usr/bin/env bash
# Prints the path of a Python that has torch, transformers, accelerate, gguf, safetensors (bench and check-full compare with them),
# making a virtual environment in .venv the first time; `python-env.sh lm-eval`: EleutherAI's lm-eval too.
# FAULTLINE_PYTHON names one of your own.
# Where that is not possible: one line on standard error, exit 1.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
venv="$root/.venv"
# transformers reads GGUF since 4.41; the newest release that was tried is pinned.
packages=(torch==2.13.0 transformers==5.23.0 accelerate==1.15.0 gguf==0.19.0 safetensors==0.8.0 sentencepiece==0.2.3 'numpy>=1.26')
needed='import torch, transformers, accelerate, gguf, safetensors, numpy'
names='torch, transformers, accelerate, gguf, safetensors'
if [ "${1:-}" = lm-eval ]; then
    packages+=(lm-eval==0.4.13)
    needed+=', lm_eval'
    names+=', lm-eval'
fi

usable() { "$1" -c "$needed" >/dev/null 2>&1; }

if [ -n "${FAULTLINE_PYTHON:-}" ]; then
    usable "$FAULTLINE_PYTHON" && echo "$FAULTLINE_PYTHON" && exit 0
    echo "python-env: FAULTLINE_PYTHON=$FAULTLINE_PYTHON cannot import $names" >&2
    exit 1
fi
usable "$venv/bin/python" && echo "$venv/bin/python" && exit 0

log="$root/.venv.log"
attempt() {
    # Debian's own Python needs the python3-venv package, which setup does not ask for.
    local python
    python=$(command -v python3) || { echo "no python3" >"$log"; return 1; }
    if ! "$python" -m venv "$venv" >"$log" 2>&1; then
        bash "$root/scripts/apt-install.sh" python3-venv >>"$log" 2>&1 && "$python" -m venv "$venv" >>"$log" 2>&1 || return 1
    fi
    # A CPU build is a tenth of the size; the default one is what a machine finds where no such index is set.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --timeout 30 --retries 2 "${packages[@]}" \
        >>"$log" 2>&1 </dev/null
    usable "$venv/bin/python"
}
echo "python-env: installing $names into .venv (once)" >&2
if attempt; then
    echo "$venv/bin/python"
else
    echo "python-env: PyTorch could not be set up ($(grep -m1 -E '^ERROR' "$log" || tail -n1 "$log")); set FAULTLINE_PYTHON to a Python that has $names" >&2
    exit 1
fi
