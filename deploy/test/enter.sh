#!/bin/sh
# In the place of ssh for machine.py's machines: runs the command in the one that is called HOST. MACHINES has HOST=PID of each.
#   enter.sh [ssh's options...] HOST COMMAND
set -eu
for word; do
    host=${command:-}
    command=$word
done
for machine in $MACHINES; do
    if [ "${machine%%=*}" = "$host" ]; then
        exec nsenter --target="${machine#*=}" --mount --uts --ipc --net --pid --cgroup --root --wd \
            env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "$command"
    fi
done
echo "no machine $host" >&2
exit 255
