# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# The kernel's SRP target, LIO ib_srpt, over the device of rdma.sh. Logical units are
# disks of disks.sh, mapped to a number; initiators are 128-bit port identifiers, 32
# hexadecimal digits, as the login carries them: the port group is named by GID, which is
# what makes ib_srpt match access lists against that value.

target_port=5555
target_group=''     # the port group's folder, once target_start ran

target_start() {
    local wwn
    configfs_mount
    load_modules target_core_mod ib_srpt
    mkdir -p "$configfs/target/srpt"
    echo $target_port >"$configfs/target/srpt/discovery_auth/rdma_cm_port"
    wwn=0x$(rdma_gid0_hex)
    target_group=$configfs/target/srpt/$wwn/$wwn
    mkdir -p "$target_group"
}

# target_map LUN DISK, target_unmap LUN: for every initiator permitted, now and later.
target_map() {
    local lun=$1 acl
    mkdir "$target_group/lun/lun_$lun"
    ln -s "$(disk_core "$2")" "$target_group/lun/lun_$lun/disk"
    for acl in "$target_group"/acls/*/; do
        [[ ! -d $acl ]] || target_map_for "$acl" "$lun"
    done
}

target_unmap() {
    local lun=$1 acl
    for acl in "$target_group"/acls/*/; do
        if [[ -d $acl/lun_$lun ]]; then rm "$acl/lun_$lun/unit"; rmdir "$acl/lun_$lun"; fi
    done
    rm "$target_group/lun/lun_$lun/disk"
    rmdir "$target_group/lun/lun_$lun"
}

target_map_for() {
    local acl=$1 lun=$2
    # The kernel maps for new initiators by itself, if a port group says so.
    [[ -d $acl/lun_$lun ]] || mkdir "$acl/lun_$lun"
    ln -s "$target_group/lun/lun_$lun" "$acl/lun_$lun/unit"
}

# target_permit INITIATOR, target_withdraw INITIATOR
target_permit() {
    local acl=$target_group/acls/0x$1 lun
    mkdir "$acl"
    for lun in "$target_group"/lun/lun_*/; do
        [[ ! -d $lun ]] || { lun=${lun%/}; target_map_for "$acl" "${lun##*lun_}"; }
    done
}

target_withdraw() {
    local acl=$target_group/acls/0x$1 link
    for link in "$acl"/lun_*/unit; do
        [[ -L $link ]] || continue
        rm "$link"
        rmdir "${link%/unit}"
    done
    rmdir "$acl"
}

# The target goes away, which ends every session, and comes back.
target_online() { echo 1 >"$target_group/enable"; }
target_offline() { echo 0 >"$target_group/enable"; }

# The target's names for initiators.
target_id_ext() { guid_hex </sys/module/ib_srpt/parameters/srpt_service_guid; }
target_ioc_guid() { target_id_ext; }
target_login_string() {
    echo "id_ext=$(target_id_ext),ioc_guid=$(target_ioc_guid),dest=$rdma_address:$target_port"
}
target_uri() {
    echo "srp://$rdma_address:$target_port/?id_ext=$(target_id_ext)&ioc_guid=$(target_ioc_guid)"
}

# ib_srpt takes the GUID of the first RDMA device unless it was loaded with another one.
guid_hex() {
    local guid
    guid=$(sed 's/^0x//')
    [[ -n $guid && $guid != 0 ]] || guid=$(rdma_node_guid_hex)
    printf '%16s\n' "$guid" | tr ' ' 0
}

target_stop() {
    local dir
    [[ -d $configfs/target/srpt ]] || return 0
    for target_group in "$configfs"/target/srpt/0x*/0x*; do
        [[ -d $target_group ]] || continue
        if [[ $(<"$target_group/enable") == 1 ]]; then target_offline; fi
        for dir in "$target_group"/acls/0x*/; do
            [[ ! -d $dir ]] || { dir=${dir%/}; target_withdraw "${dir##*/0x}"; }
        done
        for dir in "$target_group"/lun/lun_*/; do
            [[ ! -d $dir ]] || { dir=${dir%/}; target_unmap "${dir##*lun_}"; }
        done
        rmdir "$target_group" "${target_group%/*}"
    done
    rmdir "$configfs/target/srpt"
    modprobe -r ib_srpt
    target_group=''
}

# The usual arrangement: LUN 0 a block device, LUN 1 a file, both in memory.
# target_start_usual [MIB0 [MIB1]]
target_start_usual() {
    rdma_start
    target_start
    disk_add_null disk0 "${1:-256}" 11111111-0000-4000-8000-000000000000
    disk_add_file disk1 "${2:-64}" 22222222-0000-4000-8000-000000000000
    target_map 0 disk0
    target_map 1 disk1
    target_online
}
