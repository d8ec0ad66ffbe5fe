# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The story with kernel devices. The target is there already; told by its functions:
#   demo_target          its URI
#   demo_initiator       the initiator port id that it permits
#   demo_target_off, demo_target_on
#   demo_disk LUN        where the target keeps the bytes of a unit
#
# Needs stage.sh, and srp-nbd in PATH.

# Filled from the devices that `connect` names.
device0='' device1=''

story() {
    scratch=$(mktemp -d /tmp/demo.XXX)
    mnt=$scratch/mnt
    mkdir "$mnt"
    story_connect
    story_file_system
    story_disconnect
    story_reconnect
    story_outage
    story_verify
    story_erase
    rm -rf "$scratch"
}

story_connect() {
    local uri
    uri=$(demo_target)
    heading "Connect: the target's logical units become block devices"
    stage_daemon "$scratch/daemon.log"
    show "srp-nbd connect '$uri' --name store --initiator-port-id $(demo_initiator) --reconnect-delay 1000"
    device0=$(of_session store '.luns[] | select(.lun == 0).device')
    device1=$(of_session store '.luns[] | select(.lun == 1).device')
    [[ -b $device0 && -b $device1 ]] || stage_fail "no devices for lun 0 and lun 1 in: $(srp-nbd list)"
    show "lsblk $device0 $device1"
}

story_file_system() {
    heading "A file system, and a file in it"
    show "mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 $device0"
    show "mount -o noatime $device0 $mnt"
    show "head -c 4M /dev/urandom > $mnt/file && sync -f $mnt/file"
    show "sha256sum $mnt/file | tee $scratch/sum"
    remark "It stays mounted through everything below."
}

story_disconnect() {
    heading "Disconnect: I/O fails at once, the devices stay"
    show "srp-nbd disconnect store"
    show_error 'Input/output error' "dd if=$mnt/file of=/dev/null bs=4k iflag=direct"
    show_error 'Input/output error' "dd if=/dev/zero of=$device1 bs=4k count=1 oflag=direct"
    show "lsblk $device0 $device1"
    show "srp-nbd list"
}

story_reconnect() {
    heading "Reconnect: the same device, still open and mounted, works again"
    show "srp-nbd reconnect store"
    show "dd if=$mnt/file bs=1M iflag=direct status=none | sha256sum"
    [[ $(dd if="$mnt/file" bs=1M iflag=direct status=none | sha256sum) == "$(cut -d' ' -f1 "$scratch/sum")"* ]] ||
        stage_fail "the file has changed"
    show "touch $mnt/another && sync -f $mnt && ls $mnt"
}

story_outage() {
    local fio_pid before
    heading "The target goes away under running I/O, and comes back"
    prompt "fio --filename=$device1 --rw=randread --bs=4k --iodepth=8 --continue_on_error=io … &"
    before=$(of_session store .counters.commands)
    fio --name=outage --filename="$device1" --rw=randread --bs=4k --iodepth=8 --direct=1 \
        --ioengine=libaio --time_based --runtime=12 --continue_on_error=io \
        --output="$scratch/fio.log" &
    fio_pid=$!
    stage_until 20 "fio reads" session_is store ".counters.commands > $before + 200"
    remark "(the target is disabled)"
    demo_target_off
    stage_until 20 "the loss is noticed" session_is store '.state != "live"'
    show "srp-nbd list"
    show_error 'Input/output error' "dd if=$device1 of=/dev/null bs=4k count=1 iflag=direct"
    remark "(the target is enabled)"
    demo_target_on
    stage_until 40 "the session comes back by itself" state_is store live
    show "srp-nbd list"
    wait "$fio_pid" || true
    grep -q 'errors *: *total=[1-9]' "$scratch/fio.log" || stage_fail "fio saw no error"
    show "grep -E 'IOPS|errors|err=' $scratch/fio.log"
    remark "fio kept its device open all the time: errors while the target was away, data after."
}

story_verify() {
    heading "fio writes, with a checksum in each block, and reads it all back"
    show "fio --name=verify --filename=$device1 --size=24m --rw=randwrite --bsrange=512-1m --iodepth=32 \\
      --direct=1 --ioengine=libaio --verify=crc32c --verify_fatal=1 --verify_state_save=0 \\
      | grep -E 'IOPS|err='"
    remark "The target's own disk, read at the target, byte for byte:"
    show "cmp <(dd if=$device1 bs=1M iflag=direct status=none) $(demo_disk 1) && echo identical"
}

story_erase() {
    heading "Erase: now the devices are gone"
    show "umount $mnt"
    show "srp-nbd erase store"
    show "srp-nbd list"
    show "lsblk -o NAME,SIZE $device0 || true"
    [[ ! -e /sys/block/${device0##*/}/pid ]] || stage_fail "$device0 is still in use"
    stage_daemon_end || stage_fail "the daemon ended with status $?"
}
