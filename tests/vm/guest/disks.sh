# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2120
#
# Backing disks, and the target core's objects that stand for them. A disk has a NAME;
# disk_backing NAME prints where its bytes can be seen outside of the initiator.

configfs=/sys/kernel/config
target_core=$configfs/target/core

configfs_mount() {
    load_modules configfs
    mountpoint -q $configfs || mount -t configfs configfs $configfs
}

# A block device in memory, below a core object of the kind iblock.
# disk_add_null NAME MIB SERIAL [NULL_BLK_ATTRIBUTE=VALUE]...
disk_add_null() {
    null_block "$1" "$2" "${@:4}"
    load_modules target_core_mod target_core_iblock
    disk_add_core "iblock_0/$1" "$3" "udev_path=/dev/$1"
}

# The same over a device mapper table, which can be suspended: /dev/NAME has its bytes, $disk_mapped is its name.
# disk_add_mapped NAME MIB SERIAL
disk_add_mapped() {
    null_block "$1" "$2"
    load_modules dm_mod target_core_mod target_core_iblock
    dmsetup create "mapped-$1" --noudevsync --table "0 $(blockdev --getsz "/dev/$1") linear /dev/$1 0"
    disk_mapped=/dev/dm-$(dmsetup info -c --noheadings -o minor "mapped-$1")
    disk_add_core "iblock_0/$1" "$3" "udev_path=$disk_mapped"
}

# null_block NAME MIB [NULL_BLK_ATTRIBUTE=VALUE]...
null_block() {
    local name=$1 mib=$2 dir setting
    shift 2
    configfs_mount
    [[ -e /sys/module/null_blk ]] || modprobe null_blk nr_devices=0
    dir=$configfs/nullb/$name
    mkdir "$dir"
    for setting in memory_backed=1 "size=$mib" blocksize=512 irqmode=0 "$@" power=1; do
        echo "${setting#*=}" >"$dir/${setting%%=*}" || fail "null_blk refuses $setting"
    done
}

# A file in memory, below a core object of the kind fileio.
# disk_add_file NAME MIB SERIAL
disk_add_file() {
    local name=$1 mib=$2 serial=$3 file=/dev/shm/$1.disk
    configfs_mount
    load_modules target_core_mod target_core_file
    truncate -s "${mib}M" "$file"
    disk_add_core "fileio_0/$name" "$serial" "fd_dev_name=$file,fd_dev_size=$((mib << 20))"
}

# disk_add_core HBA/NAME SERIAL CONTROL
disk_add_core() {
    local dir=$target_core/$1
    mkdir -p "$dir"
    echo "$3" >"$dir/control"
    echo 1 >"$dir/enable"
    echo "$2" >"$dir/wwn/vpd_unit_serial"
}

# The core object of a disk.
disk_core() {
    local dir
    for dir in "$target_core"/*_0/"$1"; do
        if [[ -d $dir ]]; then echo "$dir"; return; fi
    done
    fail "no disk named $1"
}

disk_backing() {
    if [[ -e /dev/$1 ]]; then echo "/dev/$1"; else echo "/dev/shm/$1.disk"; fi
}

# Taking the target down would hang on a suspended disk.
disks_resume() {
    local name
    [[ -e /sys/module/dm_mod ]] || return 0
    for name in $(dmsetup ls | sed -n 's/^\(mapped-[^[:space:]]*\).*/\1/p'); do dmsetup resume "$name"; done
}

disks_remove_all() {
    local dir
    for dir in "$target_core"/*_0/*/; do
        # hba_info and hba_mode are files; every folder is a disk.
        [[ ! -d $dir ]] || rmdir "$dir"
    done
    for dir in "$target_core"/*_0/; do
        [[ ! -d $dir ]] || rmdir "$dir"
    done
    for dir in "$configfs"/nullb/*/; do
        [[ -d $dir ]] || continue
        dir=${dir%/}
        [[ ! -e /sys/module/dm_mod ]] || ! dmsetup info "mapped-${dir##*/}" &>/dev/null || dmsetup remove --noudevsync "mapped-${dir##*/}"
        echo 0 >"$dir/power"
        rmdir "$dir"
    done
    rm -f /dev/shm/*.disk
    [[ ! -e /sys/module/scsi_debug ]] || modprobe -r scsi_debug
}

# The kernel's simulated SCSI disk, passed through (pscsi), so the initiator gets its sense data.
# disk_add_scsi_debug NAME MIB [SCSI_DEBUG_PARAMETER]...
disk_add_scsi_debug() {
    local name=$1 mib=$2 dir host disk
    shift 2
    configfs_mount
    load_modules target_core_mod target_core_pscsi sd_mod
    modprobe scsi_debug "dev_size_mb=$mib" delay=0 "$@" || fail "no scsi_debug"
    wait_until 20 scsi_debug_disk
    disk=$(scsi_debug_disk)
    host=$(readlink -f "/sys/block/$disk/device")
    host=${host##*/}
    dir=$target_core/pscsi_0/$name
    mkdir -p "$dir"
    echo "scsi_host_id=${host%%:*},scsi_channel_id=0,scsi_target_id=0,scsi_lun_id=0" >"$dir/control"
    echo "/dev/$disk" >"$dir/udev_path"
    echo 1 >"$dir/enable"
}

scsi_debug_disk() {
    local model
    for model in /sys/block/sd*/device/model; do
        [[ -e $model && $(<"$model") == scsi_debug* ]] || continue
        model=${model#/sys/block/}
        echo "${model%%/*}"
        return
    done
    return 1
}
