#!/bin/sh
# Becomes the systemd of a machine of its own: what this machine has installed, copied on write into DIRECTORY, without its
# services, network, processes or temporary files; and what is unpacked in LAYER, if any. machine.py starts it in new namespaces.
#   machine.sh DIRECTORY [LAYER]
set -eu
directory=$1
layer=${2:-}

mount --make-rprivate /
mount -t tmpfs -o size=2g tmpfs "$directory"
root=$directory/root
mkdir "$directory/upper" "$directory/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$directory/upper,workdir=$directory/work" overlay "$root"
if [ -n "$layer" ]; then
    cp -a "$layer/." "$root"
fi

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

# The services of this machine are none of that one's.
rm -rf "$root/etc/systemd/system" "$root/etc/tamis" "$root/usr/local/bin/tamis"
mkdir -p "$root/etc/systemd/system" "$root/old-root"
cd "$root"
pivot_root . old-root
umount -l old-root
# systemd hands credentials to a service by a mount that propagates.
mount --make-rshared /
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=0
