# shellcheck shell=bash disable=SC2154 # variables of deploy.sh
# What can be checked about the files under deploy/ without running them. Sourced by deploy.sh.

check_files() {
    check_scripts
    check_manifests
    check_units
    check_container_packages
    check "files: every option named in deploy/ is one the programs have" options_exist
}

check_scripts() {
    local list
    mapfile -t list < <(find deploy scripts -name '*.sh' -o -name '*.sbatch')
    if have shellcheck || installed shellcheck; then
        check "scripts: shellcheck" shellcheck -x "${list[@]}"
    else
        skip "scripts: the Debian package shellcheck cannot be installed"
    fi
}

# The schemas come with the package: nothing is asked of a network once it is installed.
check_manifests() {
    local venv=$root/.venv-kubernetes
    if [ ! -x "$venv/bin/kubernetes-validate" ]; then
        installed python3-venv || true
        if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check --timeout 30 \
            kubernetes-validate==1.37.0; } >"$work/pip.log" 2>&1; then
            rm -rf "$venv"
            skip "manifests: kubernetes-validate cannot be installed ($(tail -n 1 "$work/pip.log"))"
            return
        fi
    fi
    check "manifests: the schemas of Kubernetes 1.37" \
        "$venv/bin/kubernetes-validate" --strict --quiet deploy/kubernetes/*.yaml
    check "manifests: the schemas of Kubernetes 1.29" \
        "$venv/bin/kubernetes-validate" --strict --quiet -k 1.29 deploy/kubernetes/*.yaml
    check "manifests: names and labels fit together" "$venv/bin/python" - deploy/kubernetes/faultline.yaml <<'PYTHON'
import sys, yaml

items = {(d["kind"], d["metadata"]["name"]): d for d in yaml.safe_load_all(open(sys.argv[1])) if d}
space = items[("Namespace", "faultline")]["metadata"]["name"]
service = items[("Service", "faultline")]
job = items[("Job", "faultline")]["spec"]["template"]
workers = items[("Deployment", "faultline-workers")]["spec"]
assert all(k[0] == "Namespace" or d["metadata"]["namespace"] == space for k, d in items.items()), "one namespace"
assert service["spec"]["selector"].items() <= job["metadata"]["labels"].items(), "the Service finds the coordinator"
assert workers["selector"]["matchLabels"].items() <= workers["template"]["metadata"]["labels"].items()
assert not service["spec"]["selector"].items() <= workers["template"]["metadata"]["labels"].items(), "and no worker"
port = service["spec"]["ports"][0]["port"]
address = f'--connect=tcp://{service["metadata"]["name"]}.{space}.svc:{port}'
assert address in workers["template"]["spec"]["containers"][0]["command"], address
command = job["spec"]["containers"][0]["command"]
assert f"--listen=tcp://0.0.0.0:{port}" in command and f'--workers={workers["replicas"]}' in command
for pod in (job["spec"], workers["template"]["spec"]):
    volumes = {v["name"] for v in pod["volumes"]}
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    for c in pod["containers"] + pod["initContainers"]:
        assert {m["name"] for m in c["volumeMounts"]} <= volumes, c["name"]
        assert c["securityContext"]["readOnlyRootFilesystem"] and c["securityContext"]["capabilities"]["drop"] == ["ALL"]
        assert all(m.get("readOnly") for m in c["volumeMounts"] if m["name"] in ("models", "secret", "study"))
PYTHON
}

# The units name /usr/local/bin; systemd wants to see the programs, so the copies name ours.
check_units() {
    have systemd-analyze || { skip "units: no systemd-analyze here"; return; }
    local folder=$work/units unit score
    mkdir -p "$folder"
    for unit in deploy/systemd/*.service; do
        sed "s|/usr/local/bin/|$bin/|" "$unit" >"$folder/$(basename "$unit")"
    done
    check "units: systemd-analyze verify" unit_verify "$folder"/*.service
    for unit in "$folder"/*.service; do
        score=$(systemd-analyze security --offline=true "$unit" 2>/dev/null | grep -oE 'exposure level.*: [0-9.]+' | grep -oE '[0-9.]+$')
        verdict "units: $(basename "$unit") is exposed ${score:-?} of 10 at most 2.0" \
            "$(awk -v s="${score:-10}" 'BEGIN { print s <= 2.0 ? 0 : 1 }')"
    done
}
# verify says some things without failing.
unit_verify() {
    local said
    said=$(systemd-analyze verify --man=no "$@" 2>&1) || { echo "$said"; return 1; }
    [ -z "$said" ] || { echo "$said"; return 1; }
}

# All that the programs link to, apart from Swift's own libraries (in the image they are inside the programs), comes from the
# packages of the run stage or from what these need.
check_container_packages() {
    local program library package closure missing=""
    closure=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
        libzmq5 libopenblas0 liblapacke libsqlite3-0 libc6 libstdc++6 2>/dev/null | grep -E '^[a-z0-9]' | sort -u)
    [ -n "$closure" ] || { skip "container: apt-cache knows no packages here"; return; }
    for program in faultline faultline-worker; do
        while read -r library; do
            package=$(dpkg -S "$(realpath "$library")" 2>/dev/null || dpkg -S "$library" 2>/dev/null) || { missing+=" $library"; continue; }
            package=$(sed -E 's/(:[a-z0-9]+)?: .*//' <<<"$package" | head -n 1)
            grep -qx "$package" <<<"$closure" || missing+=" $package"
        done < <(ldd "$bin/$program" | grep -oE '=> /[^ ]+' | cut -c4- | grep -v /swift/)
    done
    verdict "container: the run stage has every library the programs need${missing:+ (missing:$missing)}" "$([ -z "$missing" ] && echo 0 || echo 1)"
    check "container: it installs these packages, and not as root's process" bash -c "
        grep -q 'libzmq5 libopenblas0 liblapacke libsqlite3-0' deploy/container/Containerfile && grep -qE '^USER [1-9]' deploy/container/Containerfile"
}

# --option in a command of deploy/ is in the help of the program it is given to.
options_exist() {
    local option status=0
    { "$bin/faultline" help study run; "$bin/faultline" help score; "$bin/faultline-worker" --help; } >"$work/help" 2>&1
    { "$bin/faultline" help keygen || true; } >>"$work/help" 2>&1
    # Lines that speak of other programs' options are left out.
    while read -r option; do
        case $option in --from | --from-file | --mem | --signal | --stop-timeout) continue ;; esac
        grep -q -- "$option\b" "$work/help" || { echo "no program has $option"; status=1; }
    done < <(grep -rhvE 'podman|docker|sbatch|srun|kubectl|systemctl|SBATCH|--kill-on|--overlap|--ntasks|--build-arg|apt-get|static-swift' deploy |
        grep -oE -- '(^|[ "`(])--[a-z][a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u)
    return "$status"
}
