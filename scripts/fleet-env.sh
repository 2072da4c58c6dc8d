#!/usr/bin/env bash
# Prints the path of a Python that has dask.distributed and parsl, for the side-by-side part of `make bench`: a virtual
# environment in .venv-fleet, made the first time. FAULTLINE_FLEET_PYTHON names one of your own.
# Where that is not possible: one line on standard error, exit 1.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
venv="$root/.venv-fleet"
packages=(distributed parsl)
usable() { "$1" -c 'import distributed, parsl' >/dev/null 2>&1; }

if [ -n "${FAULTLINE_FLEET_PYTHON:-}" ]; then
    usable "$FAULTLINE_FLEET_PYTHON" && echo "$FAULTLINE_FLEET_PYTHON" && exit 0
    echo "fleet-env: FAULTLINE_FLEET_PYTHON=$FAULTLINE_FLEET_PYTHON cannot import distributed and parsl" >&2
    exit 1
fi
usable "$venv/bin/python" && echo "$venv/bin/python" && exit 0
log="$root/.venv-fleet.log"
attempt() {
    local python
    python=$(command -v python3) || { echo "no python3" >"$log"; return 1; }
    if ! "$python" -m venv "$venv" >"$log" 2>&1; then
        bash "$root/scripts/apt-install.sh" python3-venv >>"$log" 2>&1 && "$python" -m venv "$venv" >>"$log" 2>&1 || return 1
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --timeout 30 --retries 2 "${packages[@]}" \
        >>"$log" 2>&1 </dev/null
    usable "$venv/bin/python"
}
echo "fleet-env: installing dask.distributed and parsl into .venv-fleet (once)" >&2
if attempt; then
    echo "$venv/bin/python"
else
    echo "fleet-env: dask.distributed and parsl could not be set up ($(grep -m1 -E '^ERROR' "$log" || tail -n1 "$log")); only Faultline is measured" >&2
    exit 1
fi
