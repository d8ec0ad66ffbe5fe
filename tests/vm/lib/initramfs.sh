# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# The initial RAM file system: busybox, the modules that reach the host's files, and
# ../guest/init, which moves over to them.
#
# Needs from the includer: vm_cache, vm_guest (folders), die MESSAGE.

initramfs_modules=(virtio_pci 9p 9pnet_virtio overlay virtio_rng virtio_console)

busybox_static() {
    local path
    for path in /bin/busybox /usr/bin/busybox; do
        if [[ -x $path ]]; then echo "$path"; return; fi
    done
    die "busybox is missing: run tools/install-packages vm"
}

# Module files in the order of insertion, dependencies first, each once.
initramfs_module_files() {
    local kernel=$1 version=$2 module
    for module in "${initramfs_modules[@]}"; do
        # What a kernel has built in prints "builtin NAME".
        modprobe -d "$kernel" -S "$version" --show-depends "$module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

build_initramfs() {
    local kernel=$1 out=$2 version tree file name
    version=$(<"$kernel/version")
    tree=$(mktemp -d "$vm_cache/initramfs.XXXXXX")
    mkdir "$tree"/{bin,modules,proc,sys,dev,host,upper,root}
    cp "$(busybox_static)" "$tree/bin/busybox"
    initramfs_module_files "$kernel" "$version" >"$tree/files"
    while read -r file; do
        name=${file##*/}
        case $file in
            *.ko) cp "$file" "$tree/modules/" ;;
            *.ko.xz) name=${name%.xz}; xz -dc "$file" >"$tree/modules/$name" ;;
            *) die "do not know how to unpack the module $file" ;;
        esac
        echo "$name" >>"$tree/modules/order"
    done <"$tree/files"
    rm "$tree/files"
    cp "$vm_guest/init" "$tree/init"
    (cd "$tree" && find . | cpio --quiet -o -H newc) >"$out.partial"
    rm -rf "$tree"
    mv "$out.partial" "$out"
}

# Print the initramfs of a fetched kernel, made anew when what goes into it changed.
initramfs_for() {
    local kernel=$1 out=$1/initramfs input
    for input in "$kernel/version" "$vm_guest/init" "${BASH_SOURCE[0]}"; do
        if [[ ! -e $out || $input -nt $out ]]; then
            build_initramfs "$kernel" "$out"
            break
        fi
    done
    echo "$out"
}
