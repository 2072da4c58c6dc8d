# shellcheck shell=bash disable=SC2154 # variables of deploy.sh
# deploy/container/Containerfile built with buildah, and a coordinator and a worker in a container each. SWIFT_IMAGE and
# DEBIAN_IMAGE name other base images, BUILD_FLAGS more options of `buildah build`. Sourced by deploy.sh.

in_container() { # CONTAINER COMMAND...
    local container=$1
    shift
    buildah run --user 65532 --volume "$(dirname "$MODEL"):/models:ro" --volume "$work/container:/runs" "$container" -- "$@"
}

check_container() {
    have buildah || installed buildah || { skip "container: the Debian package buildah cannot be installed"; return; }
    local swift=${SWIFT_IMAGE:-docker.io/library/swift:6.3-bookworm} debian=${DEBIAN_IMAGE:-docker.io/library/debian:12-slim} image
    for image in "$swift" "$debian"; do
        buildah inspect --type image "$image" >/dev/null 2>&1 || buildah pull "$image" >"$work/pull.log" 2>&1 ||
            { skip "container: no image $image ($(tail -n 1 "$work/pull.log"))"; return; }
    done
    # shellcheck disable=SC2086 # several options
    LINES_SHOWN=20 check "container: the image is built" buildah build -t localhost/faultline-check --build-arg SWIFT_IMAGE="$swift" \
        --build-arg DEBIAN_IMAGE="$debian" ${BUILD_FLAGS:-} -f deploy/container/Containerfile .
    local coordinator worker pid status=0
    coordinator=$(buildah from --pull-never localhost/faultline-check) || { verdict "container: it can be used" 1; return; }
    cleanups+=("buildah rm $coordinator >/dev/null 2>&1")
    worker=$(buildah from --pull-never localhost/faultline-check)
    cleanups+=("buildah rm $worker >/dev/null 2>&1")

    compute snip 2
    mkdir -p "$work/container"
    cp "$keys/coordinator.key" "$keys/allowed.json" "$keys/worker-w1.key" "$pairs" "$work/container/"
    # As the README says: the keys belong to the user inside.
    chown -R 65532 "$work/container"
    local inside=()
    for word in "${command[@]}"; do
        case $word in
            "$MODEL") inside+=("/models/$(basename "$MODEL")") ;;
            "$pairs") inside+=("/runs/$(basename "$pairs")") ;;
            *) inside+=("$word") ;;
        esac
    done
    in_container "$coordinator" faultline "${inside[@]}" --out /runs/scores.safetensors --listen tcp://127.0.0.1:0 \
        --join-file /runs/join --workers 1 --keys /runs/coordinator.key >"$work/container.log" 2>&1 &
    pid=$!
    cleanups+=("end_started $pid")
    within 30 test -s "$work/container/join" || true
    check "container: a worker in another one leaves in order" \
        in_container "$worker" faultline-worker --join-file /runs/join --keys /runs/worker-w1.key --wait 60
    wait "$pid" || status=$?
    [ "$status" -eq 0 ] || tail -n 6 "$work/container.log" >&2
    verdict "container: the coordinator ends with 0" "$status"
    same_scores "container: the same bytes" "$work/container/scores.safetensors"
}
