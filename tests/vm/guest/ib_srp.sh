# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# The kernel's own SRP initiator, ib_srp, for comparison. It also shows whether the target
# or our initiator is at fault.

ib_srp_extension=00000000000000aa

# The port identifier that ib_srp logs in with.
ib_srp_initiator() {
    local gid
    gid=$(rdma_gid0_hex)
    echo "$ib_srp_extension${gid:16}"
}

# ib_srp_login [OPTION=VALUE]...: fails when the login fails
ib_srp_login() {
    local option options=''
    load_modules ib_srp sd_mod
    for option in "$@"; do options+=,$option; done
    echo "$(target_login_string),initiator_ext=$ib_srp_extension$options" \
        >"/sys/class/infiniband_srp/srp-$rdma_device-1/add_target"
}

# ib_srp_disk LUN: wait for the logical unit and print its device.
ib_srp_disk() {
    wait_until 20 ib_srp_find "$1"
    ib_srp_find "$1"
}

ib_srp_find() {
    local lun=$1 host device
    for host in /sys/class/srp_host/host*; do
        [[ -e $host ]] || continue
        host=${host##*/host}
        for device in "/sys/class/scsi_device/$host:0:0:$lun/device/block"/*; do
            if [[ -b /dev/${device##*/} ]]; then echo "/dev/${device##*/}"; return; fi
        done
    done
    return 1
}

ib_srp_logout() {
    local port
    for port in /sys/class/srp_remote_ports/port-*; do
        [[ ! -e $port ]] || echo 1 >"$port/delete"
    done
    wait_until 60 ib_srp_gone
}

ib_srp_gone() { ! compgen -G '/sys/class/srp_host/host*' >/dev/null; }
