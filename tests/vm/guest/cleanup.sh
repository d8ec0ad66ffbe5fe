# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Between two cases of one boot: take down what the last one set up. False when something
# cannot be taken down; only a new boot helps then.

case_cleanup() {
    local device
    disks_resume
    processes_end || return 1
    ib_srp_logout || return 1
    for device in /sys/block/nbd*; do
        [[ ! -e $device/pid ]] || { echo "$device is still in use"; return 1; }
    done
    [[ ! -e /sys/module/nbd ]] || modprobe -r nbd || return 1
    target_stop || return 1
    disks_remove_all || return 1
    rdma_stop || return 1
    leftover_files | xargs -d '\n' -r rm -rf
}

# Removes files in /tmp that are newer than cleanup_prepare, because the next case may wait for such a file. The others
# belong to the host.
leftover_files() {
    find /tmp -mindepth 1 -maxdepth 1 | grep -vxF "$cleanup_spare_files" || true
}

# Every process started since cleanup_prepare.
processes_end() {
    local signal pid tries pids
    for signal in TERM KILL; do
        for ((tries = 0; tries < 30; tries++)); do
            mapfile -t pids < <(leftover_processes)
            ((${#pids[@]})) || return 0
            for pid in "${pids[@]}"; do kill "-$signal" "$pid" 2>/dev/null || true; done
            sleep 0.1
        done
    done
    echo "cannot end: $(ps -o pid=,stat=,args= -p "${pids[@]}")"
    return 1
}

cleanup_prepare() {
    cleanup_spare_files=$(find /tmp -maxdepth 1)
    cleanup_spare=''
    cleanup_spare=" $(leftover_processes | tr '\n' ' ')"
}

leftover_processes() {
    local dir pid
    for dir in /proc/[0-9]*; do
        pid=${dir##*/}
        # Kernel threads and zombies have no executable.
        [[ -e $dir/exe ]] || continue
        [[ "$cleanup_spare $$ $BASHPID " == *" $pid "* ]] || echo "$pid"
    done
}
