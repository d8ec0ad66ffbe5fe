# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# Stock Debian kernels for the virtual machine: downloaded by apt as packages,
# unpacked below the cache folder, never installed.
#
# A finished kernel is a folder $vm_cache/kernel-SERIES with
#   vmlinuz, version, lib/modules/VERSION (with depmod's tables)
# It is put together beside its final place and renamed into it, so an interrupted
# download is done again from the start.
#
# Needs from the includer: vm_cache (a folder), die MESSAGE.
# shellcheck source=../../../tools/lib/debian_archive.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../../tools/lib/debian_archive.sh"

kernel_known_series=(6.1 6.12)

# The generic flavour only: the *cloud* one has neither rxe nor ib_srpt.
kernel_meta_packages() {
    case $1 in
        6.1) echo linux-image-amd64 ;;
        # By the second name on a release that has this series as its ordinary kernel.
        6.12) echo linux-image-6.12-amd64 linux-image-amd64 ;;
        *) die "unknown kernel series '$1' (${kernel_known_series[*]})" ;;
    esac
}

# The series that can be had here, the default first: what this release of Debian has, and what is here or known to apt
# besides. 12 has 6.12 in its security archive; 13 and later have no 6.1.
kernel_series() {
    local release series
    # shellcheck source=/dev/null
    release=$(source /etc/os-release && echo "${ID:-} ${VERSION_ID:-}")
    for series in "${kernel_known_series[@]}"; do
        if [[ $series == 6.12 || $release == "debian 12" || -e $vm_cache/kernel-$series/version ||
            -n $(kernel_package "$series") ]]; then
            echo "$series"
        fi
    done
}

# The package with the kernel of a series itself, or nothing. $2...: apt options
kernel_package() {
    local series=$1 meta package
    shift
    for meta in $(kernel_meta_packages "$series"); do
        for package in $(apt-cache "$@" depends "$meta" 2>/dev/null |
            sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p'); do
            case $package in
                linux-image-"$series".*) echo "$package"; return ;;
            esac
        done
    done
}

# apt options for an own set of package lists below $1: for when this machine's apt
# does not know the kernel, because its lists are empty or, as after a plain
# debootstrap, the security archive, which has 6.12, is not among its sources.
private_apt_lists() {
    local dir=$1 codename
    codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    mkdir -p "$dir"/{state/lists/partial,cache/archives/partial}
    debian_sources "$codename" >"$dir/sources.list" || return
    apt_options+=(
        -o "Dir::State=$dir/state" -o Dir::State::status=/var/lib/dpkg/status
        -o "Dir::Cache=$dir/cache"
        -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
    )
    apt-get "${apt_options[@]}" -q update
}

download_kernel() {
    local series=$1 dir=$2 package debs
    # apt checks the download. As root it would download as another user, and that user cannot write here.
    local apt_options=(-o APT::Sandbox::User=root)
    package=$(kernel_package "$series")
    if [[ -z $package ]]; then
        echo "vm: this machine's package lists have no $series kernel; reading the archive's own"
        private_apt_lists "$dir/apt" ||
            die "cannot work out from apt's sources where Debian's kernels are"
        package=$(kernel_package "$series" "${apt_options[@]}")
    fi
    [[ -n $package ]] || die "no Debian package with a $series kernel is known to apt
(looked at: $(kernel_meta_packages "$series"))"
    echo "vm: downloading $package"
    (cd "$dir" && apt-get "${apt_options[@]}" -q download "$package")
    debs=("$dir"/*.deb)
    echo "vm: unpacking $package"
    dpkg-deb -x "${debs[0]}" "$dir/root"
}

build_kernel_dir() {
    local series=$1 dir=$2 vmlinuz version modules
    download_kernel "$series" "$dir"
    vmlinuz=("$dir"/root/boot/vmlinuz-*)
    version=${vmlinuz[0]##*/vmlinuz-}
    modules=$dir/root/lib/modules
    [[ -d $modules ]] || modules=$dir/root/usr/lib/modules
    mkdir "$dir/lib"
    mv "$modules" "$dir/lib/modules"
    mv "${vmlinuz[0]}" "$dir/vmlinuz"
    depmod -b "$dir" "$version"
    echo "$version" >"$dir/version"
    rm -rf "$dir/root" "$dir/apt" "$dir"/*.deb
}

# Make sure that the kernel of a series is there.
kernel_fetch() {
    local series=$1 partial
    [[ -e $vm_cache/kernel-$series/version ]] && return
    mkdir -p "$vm_cache"
    (
        flock -n 9 || { echo "vm: waiting for another download"; flock 9; }
        [[ -e $vm_cache/kernel-$series/version ]] && exit
        rm -rf "$vm_cache/kernel-$series"{,.partial}
        partial=$vm_cache/kernel-$series.partial
        mkdir "$partial"
        build_kernel_dir "$series" "$partial"
        mv "$partial" "$vm_cache/kernel-$series"
    ) 9>"$vm_cache/lock"
}
