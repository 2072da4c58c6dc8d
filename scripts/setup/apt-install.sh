#!/usr/bin/env bash
# Installs the Debian packages named that are missing; does nothing, and needs no rights, when all are there.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

missing=()
for package in "$@"; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        as_root=(sudo)
    else
        echo "setup: missing Debian packages and no root rights; run as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
fi
echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() { "${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 </dev/null; }
if ! install && ! { "${as_root[@]}" apt-get update >"$log" 2>&1 && install; }; then
    reason=$(grep -m1 '^E:' "$log" || tail -n1 "$log")
    echo "setup: apt-get could not install ${missing[*]} ($reason); install them by hand and run this again" >&2
    exit 1
fi
