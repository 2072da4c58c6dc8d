# shellcheck shell=bash disable=SC2154 # variables of faults.sh
# A full disk under the partials, under the whole run folder, and partials that become read-only: the run says so, waits, and
# goes on by itself. Small file systems of memory, mounted here. Sourced by faults.sh.

check_disk() {
    [ "$(id -u)" -eq 0 ] || { skip "full disks: they need root"; return; }
    golden_of wanda
    mkdir -p "$work/probe"
    mount -t tmpfs -o size=1m none "$work/probe" 2>"$work/mount.log" || { skip "full disks: $(tail -n 1 "$work/mount.log")"; return; }
    umount "$work/probe"
    full_disk disk-partials partials 24
    # Two score files of this model are 850 MB.
    full_disk disk-run . 1200
    read_only_partials
}

disk_run() { # NAME: sets coordinator
    start "$work/$1.log" "$bin/faultline" study run "$study" --run-dir "$work/$1" --no-cache --workers 2 --pipelines 2
    coordinator=$started
}
fill() { # FOLDER: all but a little
    dd if=/dev/zero of="$1/ballast" bs=64k 2>/dev/null || true
    truncate -s -"${2:-128K}" "$1/ballast"
}

full_disk() { # NAME PLACE MiB
    local name=$1 folder=$work/$1/$2 lost
    mkdir -p "$folder"
    mount -t tmpfs -o "size=$3m" none "$folder"
    cleanups+=("umount -l '$folder' 2>/dev/null")
    disk_run "$name"
    within 90 has_recorded "$work/$name" committed 2 || true
    fill "$folder"
    if within 60 says 'the disk is full.*paused' "$work/$name.log"; then
        verdict "$name: it says that the disk is full" 0
        # Longer than a lease and the patience with idle pipelines.
        sleep "${DISK_PAUSE:-55}"
        lost=$(grep -cE '^lost|start again' "$work/$name.log" || true)
        verdict "$name: nobody is called dead or idle meanwhile ($lost)" "$([ "$lost" -eq 0 ] && echo 0 || echo 1)"
        verdict "$name: it still waits" "$(gone "$coordinator" && echo 1 || echo 0)"
    else
        tail -n 3 "$work/$name.log" >&2
        verdict "$name: it says that the disk is full" 1
    fi
    rm -f "$folder/ballast"
    await "$name" "$coordinator" "${LIMIT:-600}"
    check "$name: it says that it goes on" grep 'the disk takes data again' "$work/$name.log"
    same "$name" "$work/$name"
    verdict "$name: nothing half-committed is left" "$([ -z "$(find "$work/$name" -name '*.part-*' -o -path '*/partials/*' -type f)" ] && echo 0 || echo 1)"
    # What is in memory would be in the way of the next one.
    umount -l "$folder"
}

read_only_partials() {
    local name=disk-readonly folder=$work/disk-readonly/partials
    mkdir -p "$folder"
    mount -t tmpfs -o size=200m none "$folder"
    cleanups+=("umount -l '$folder' 2>/dev/null")
    disk_run "$name"
    within 90 has_recorded "$work/$name" committed 2 || true
    # Refused while a file there is open for writing.
    within 30 mount -o remount,ro "$folder" 2>/dev/null || true
    within 60 says 'the disk is .*read-only.*paused' "$work/$name.log" || true
    check "$name: it says that the disk is read-only" grep -i 'the disk is .*read-only' "$work/$name.log"
    sleep 5
    mount -o remount,rw "$folder"
    await "$name" "$coordinator" "${LIMIT:-600}"
    same "$name" "$work/$name"
    umount -l "$folder"
}
