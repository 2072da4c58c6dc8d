# shellcheck shell=bash disable=SC2154 # variables of faults.sh
# A million damaged messages to either side, thousands of seeds of the lossy link. Sourced by faults.sh.

check_fuzz() {
    swift build -c release --build-tests >"$work/build.log" 2>&1 || { tail -n 5 "$work/build.log" >&2; verdict "the tests build" 1; return; }
    FAULTLINE_FUZZ=${FUZZ:-1000000} FAULTLINE_SEED=$SEED check "a million damaged messages to either side (seed $SEED)" \
        swift test -c release --skip-build --filter 'FuzzTests|CodecTests.fuzz'
    FAULTLINE_SEEDS=${SEEDS:-3000} FAULTLINE_SEED=$SEED check "lossy links and orders of arrival, from seed $SEED" \
        swift test -c release --skip-build --filter 'LossyLinkTests|ArrivalOrderTests|LinkFaultTests'
}
