# shellcheck shell=bash disable=SC2154 # variables of deploy.sh
# deploy/ssh/fleet.sh against an sshd of our own on loopback; two addresses of it stand for two hosts. Sourced by
# deploy.sh.

start_sshd() { # FOLDER
    local folder=$1
    mkdir -p "$folder/home"
    chmod 700 "$folder"
    ssh-keygen -q -t ed25519 -N '' -f "$folder/host"
    ssh-keygen -q -t ed25519 -N '' -f "$folder/user"
    cp "$folder/user.pub" "$folder/authorized"
    ssh_port=$(free_port)
    cat >"$folder/sshd_config" <<CONF
Port $ssh_port
ListenAddress 127.0.0.1
ListenAddress 127.0.0.2
HostKey $folder/host
AuthorizedKeysFile $folder/authorized
PidFile $folder/sshd.pid
StrictModes no
PasswordAuthentication no
UsePAM no
PermitRootLogin prohibit-password
MaxStartups 50
CONF
    cat >"$folder/ssh_config" <<CONF
Host *
    Port $ssh_port
    IdentityFile $folder/user
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    BatchMode yes
    LogLevel ERROR
CONF
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    "$(command -v sshd || echo /usr/sbin/sshd)" -f "$folder/sshd_config" || return 1
    cleanups+=("end_daemon '$folder/sshd.pid'")
    within 10 ssh -F "$folder/ssh_config" 127.0.0.1 true
}

check_ssh() {
    installed openssh-server openssh-client || { skip "ssh: the Debian packages openssh-server and openssh-client cannot be installed"; return; }
    local folder=$work/ssh status=0 coordinator fleet=$root/deploy/ssh/fleet.sh
    start_sshd "$folder" >"$work/sshd.log" 2>&1 || { skip "ssh: no sshd of our own starts here ($(tail -n 1 "$work/sshd.log"))"; return; }
    compute snip 2
    # On one machine the two "hosts" need folders of their own: the folder's name holds the address ssh came to.
    export FAULTLINE_SSH="ssh -F $folder/ssh_config" FAULTLINE_KEYS=$keys FAULTLINE_WORKER=$bin/faultline-worker FAULTLINE_WAIT=60
    start "$folder/coordinator.log" "$bin/faultline" "${command[@]}" --out "$folder/scores.safetensors" \
        --listen tcp://127.0.0.1:0 --join-file "$folder/join" --workers 2 --pipelines 2 --keys "$keys/coordinator.key"
    coordinator=$started
    within 30 test -s "$folder/join" || true
    local endpoint address
    endpoint=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["endpoints"][0])' "$folder/join")
    for address in 127.0.0.1 127.0.0.2; do
        echo "$address 1 2 # a host" >"$folder/hosts-$address"
        check "ssh: a worker starts on $address" env FAULTLINE_REMOTE="$folder/home/$address" "$fleet" start "$folder/hosts-$address" "$endpoint"
        cleanups+=("FAULTLINE_REMOTE='$folder/home/$address' '$fleet' stop '$folder/hosts-$address' >/dev/null 2>&1")
    done
    check "ssh: status says that it runs" \
        bash -c "FAULTLINE_REMOTE='$folder/home/127.0.0.1' '$fleet' status '$folder/hosts-127.0.0.1' | grep 'runs (pid'"
    within 60 grep -q '^pipeline 2' "$folder/coordinator.log" || true
    check "ssh: stop sends one worker away in the middle" \
        bash -c "FAULTLINE_REMOTE='$folder/home/127.0.0.2' '$fleet' stop '$folder/hosts-127.0.0.2' | grep stopped"
    wait "$coordinator" || status=$?
    verdict "ssh: the run ends by itself" "$status"
    [ "$status" -eq 0 ] || tail -n 5 "$folder/coordinator.log" >&2
    same_scores "ssh: the bytes of a single local worker" "$folder/scores.safetensors"
    check "ssh: it left in order" grep 'was asked to stop (SIGTERM)' "$folder/coordinator.log"
    check "ssh: the other ended with the run" within 20 bash -c \
        "FAULTLINE_REMOTE='$folder/home/127.0.0.1' '$fleet' status '$folder/hosts-127.0.0.1' | grep 'has ended'"
    unset FAULTLINE_SSH FAULTLINE_KEYS FAULTLINE_WORKER FAULTLINE_WAIT
}
