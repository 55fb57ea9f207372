# shellcheck shell=bash disable=SC2154 # tools.sh sets root and tools
# What stands around the daemon: Prometheus, Alertmanager, kustomize, a load balancer.

install_prometheus() {
    if "$tools/bin/prometheus" --version >/dev/null 2>&1 && "$tools/bin/promtool" --version >/dev/null 2>&1; then
        say "prometheus and promtool are there"
        return
    fi
    say "unpacking prometheus"
    # trixie has 2.53 or newer, and promtool in a package of its own; in bookworm it is part of prometheus.
    if ! { suite_apt trixie && unpack "$tools/debian" prometheus promtool; }; then
        say "trixie cannot be had: taking this machine's own suite"
        own_apt
        unpack "$tools/debian" prometheus
    fi
    ln -sfn "$tools/debian/usr/bin/prometheus" "$tools/bin/prometheus"
    ln -sfn "$tools/debian/usr/bin/promtool" "$tools/bin/promtool"
    "$tools/bin/promtool" --version 2>&1 | sed -n '1s/^/tools: /p'
}

# Debian's Alertmanager reads its default templates from /usr/share/prometheus/alertmanager, which is not there. Our copy
# of it looks, under a name of the same length, into a directory that a wrapper has opened.
install_alertmanager() {
    if "$tools/bin/alertmanager" --version >/dev/null 2>&1 && "$tools/bin/amtool" --version >/dev/null 2>&1; then
        say "alertmanager and amtool are there"
        return
    fi
    say "unpacking alertmanager"
    if ! { suite_apt trixie && unpack "$tools/debian" prometheus-alertmanager; }; then
        say "trixie cannot be had: taking this machine's own suite"
        own_apt
        unpack "$tools/debian" prometheus-alertmanager
    fi
    sed 's#/usr/share/prometheus/alertmanager#/proc/self/fd/9/./././././././././#g' \
        "$tools/debian/usr/bin/prometheus-alertmanager" >"$tools/debian/usr/bin/alertmanager"
    chmod +x "$tools/debian/usr/bin/alertmanager"
    rm -f "$tools/bin/alertmanager"
    cat >"$tools/bin/alertmanager" <<WRAPPER
#!/bin/sh
exec "$tools/debian/usr/bin/alertmanager" "\$@" 9<"$tools/debian/usr/share/prometheus/alertmanager"
WRAPPER
    chmod +x "$tools/bin/alertmanager"
    ln -sfn "$tools/debian/usr/bin/amtool" "$tools/bin/amtool"
    "$tools/bin/amtool" --version 2>&1 | sed -n '1s/^/tools: /p'
}

# bookworm has none: where trixie cannot be had, the tests say what they leave out.
install_kustomize() {
    if "$tools/bin/kustomize" version >/dev/null 2>&1; then
        say "kustomize is there"
        return
    fi
    say "unpacking kustomize"
    if suite_apt trixie && unpack "$tools/debian" kustomize; then
        ln -sfn "$tools/debian/usr/bin/kustomize" "$tools/bin/kustomize"
    else
        say "trixie cannot be had: no kustomize"
    fi
}

# A load balancer, in front of daemons that are replaced.
install_balancer() {
    if "$tools/bin/haproxy" -v >/dev/null 2>&1; then
        say "haproxy is there"
        return
    fi
    local own
    if own=$(type -P haproxy); then
        say "haproxy is this machine's own"
        ln -sfn "$own" "$tools/bin/haproxy"
        return
    fi
    say "unpacking haproxy"
    own_apt
    unpack_whole "$tools/balancer" haproxy
    mkdir -p "$tools/balancer/usr/bin"
    ln -sfn ../sbin/haproxy "$tools/balancer/usr/bin/haproxy"
    with_libraries balancer haproxy
    "$tools/bin/haproxy" -v | sed -n '1s/^/tools: /p'
}
