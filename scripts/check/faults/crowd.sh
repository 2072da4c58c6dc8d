# shellcheck shell=bash disable=SC2154 # variables of faults.sh
# A thousand workers at once, and 256 for a minute, with times held to. Sourced by faults.sh.

check_crowd() {
    swift build -c release --build-tests >"$work/build.log" 2>&1 || { tail -n 5 "$work/build.log" >&2; verdict "the tests build" 1; return; }
    FAULTLINE_QUIET_MACHINE=1 FAULTLINE_CROWD_SECONDS=${CROWD_SECONDS:-60} \
        check "1,000 workers join within 5 s and are welcomed within 60 s; 256 work: status within 1 s, less than 1 GiB" \
        swift test -c release --skip-build --filter CrowdTests
    grep -hE '^(1,000|256) workers' "$work/check.log" || true
}
