# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# I/O that checks what it reads, and comparison with the backing disk.

# fio_quiet FIO_OPTION...: one job, direct I/O; prints only when something is wrong.
fio_quiet() {
    local output
    output=$(fio --name=job --direct=1 --ioengine=libaio --verify_state_save=0 "$@" 2>&1) && return
    echo "$output"
    return 1
}

# Mixed block sizes at queue depth 32, each block with a checksum of its own.
# fio_verify DEVICE MIB [FIO_OPTION]...: write, then read all of it back.
# fio_verify_again DEVICE MIB [FIO_OPTION]...: only read what that wrote, from any device.
fio_verify_options=(--rw=randwrite --bsrange=512-1m --blocksize_unaligned=0 --iodepth=32
    --verify=crc32c --verify_fatal=1 --randseed=4711 --allrandrepeat=1)
fio_verify() {
    fio_quiet --filename="$1" --size="${2}m" "${fio_verify_options[@]}" --do_verify=1 "${@:3}" ||
        fail "fio --verify on $1"
}
fio_verify_again() {
    local direct=1
    # A file in memory does not support direct I/O.
    [[ -b $1 ]] || direct=0
    fio_quiet --filename="$1" --size="${2}m" "${fio_verify_options[@]}" --verify_only \
        --direct=$direct "${@:3}" ||
        fail "fio --verify_only on $1"
}

# same_bytes DEVICE_OR_FILE DEVICE_OR_FILE: compares without the page cache.
same_bytes() {
    cmp <(read_direct "$1") <(read_direct "$2") || fail "$1 and $2 differ"
}

read_direct() {
    local flags=()
    [[ ! -b $1 ]] || flags=(iflag=direct)
    dd if="$1" bs=1M status=none "${flags[@]}"
}

# set_max_transfer DEVICE KIB: requests up to this size; the daemon begins with 1024 KiB.
set_max_transfer() {
    local queue=/sys/block/${1##*/}/queue
    echo "$2" >"$queue/max_sectors_kb" ||
        fail "$1 takes no more than $(<"$queue/max_hw_sectors_kb") KiB a request"
}

# reads_fail_at_once DEVICE: a direct read gets EIO within a second.
reads_fail_at_once() { fails_at_once "a read of $1" if="$1" of=/dev/null iflag=direct; }
writes_fail_at_once() { fails_at_once "a write to $1" if=/dev/zero of="$1" oflag=direct; }

fails_at_once() {
    local what=$1 said
    shift
    if said=$(LC_ALL=C timeout 60 dd bs=4096 count=1 "$@" 2>&1); then fail "$what went well"; fi
    [[ $said == *'Input/output error'* ]] || fail "$what: $said"
    # Use the time that dd reports, without the start of the program.
    [[ $said =~ 'copied, '([0-9.e-]+)' s' ]] || fail "$what: no time in: $said"
    awk -v took="${BASH_REMATCH[1]}" 'BEGIN { exit !(took < 1) }' || fail "$what took ${BASH_REMATCH[1]} s to fail"
}
