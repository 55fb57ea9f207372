#!/usr/bin/env bash
# Installs what the tests judge and load the daemon with, into .tools (or $TAMIS_TOOLS):
#   venv/bin/python     Python with the packages of the requirements.txt in tests/judges, tests/browser, tests/clients,
#                       tests/clients/open_inference, docs/examples, monitoring/test
#   bin/python-with-openapi, bin/schemathesis   Python with the packages of tests/openapi/requirements.txt, and one of them
#   bin/node-with-clients   this machine's Node.js with the packages of tests/clients/package-lock.json
#   bin/promtool, bin/prometheus, bin/alertmanager, bin/amtool, bin/kustomize, bin/wrk,
#   bin/valgrind, bin/groff, bin/chromium, bin/h2load, bin/curl
# `tests/tools.sh STEP...` does some of it: python, openapi, clients, prometheus, alertmanager, kustomize, wrk, valgrind,
# groff, chromium, http2.
# Nothing is installed on the machine itself: Debian packages are unpacked, not configured. Needs Python 3.11 or newer
# with venv, and apt; for the JavaScript clients Node.js with npm. Does nothing where all is there; run it again after a failure.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=${TAMIS_TOOLS:-$root/.tools}
requirements=("$root"/{tests/judges,tests/browser,tests/clients,tests/clients/open_inference,docs/examples,monitoring/test}/requirements.txt)
# Packages of which the tests need a part that needs nothing of what the whole needs.
alone=("$root"/tests/clients/open_inference/requirements-alone.txt)
mkdir -p "$tools/bin"
tools=$(cd "$tools" && pwd)

say() { printf 'tools: %s\n' "$*"; }

install_python() {
    local stamp=$tools/venv/requirements.txt
    if cmp -s <(cat "${requirements[@]}" "${alone[@]}") "$stamp" && "$tools/venv/bin/python" -c '' 2>/dev/null; then
        say "python packages are there"
        return
    fi
    say "installing python packages into $tools/venv"
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check "${requirements[@]/#/--requirement=}"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "${alone[@]/#/--requirement=}"
    cat "${requirements[@]}" "${alone[@]}" >"$stamp"
}

# Apart from the others: it brings some forty packages, which are to agree with nothing but each other.
install_openapi() {
    local list=$root/tests/openapi/requirements.txt stamp=$tools/openapi/requirements.txt
    if cmp -s "$list" "$stamp" && "$tools/bin/schemathesis" --version >/dev/null 2>&1; then
        say "schemathesis is there"
        return
    fi
    say "installing schemathesis into $tools/openapi"
    python3 -m venv "$tools/openapi"
    "$tools/openapi/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"
    rm -f "$tools/bin/python-with-openapi"
    cat >"$tools/bin/python-with-openapi" <<WRAPPER
#!/bin/sh
exec "$tools/openapi/bin/python" "\$@"
WRAPPER
    chmod +x "$tools/bin/python-with-openapi"
    ln -sfn "$tools/openapi/bin/schemathesis" "$tools/bin/schemathesis"
    cp "$list" "$stamp"
}

# Where there is no Node.js or no npm, the test says what it leaves out.
install_clients() {
    local directory=$tools/clients lock=$root/tests/clients/package-lock.json
    if cmp -s "$lock" "$directory/package-lock.json" && "$tools/bin/node-with-clients" -e '' 2>/dev/null; then
        say "javascript clients are there"
        return
    fi
    if ! type -P node npm >/dev/null; then
        say "no Node.js with npm here: no javascript clients"
        return
    fi
    say "installing javascript clients into $directory"
    mkdir -p "$directory"
    cp "$root/tests/clients/package.json" "$directory"
    # The lock goes where it says that all of it is there, last.
    rm -f "$directory/package-lock.json"
    cp "$lock" "$directory/npm-shrinkwrap.json"
    (cd "$directory" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cat >"$tools/bin/node-with-clients" <<WRAPPER
#!/bin/sh
NODE_PATH="$directory/node_modules" exec node "\$@"
WRAPPER
    chmod +x "$tools/bin/node-with-clients"
    mv "$directory/npm-shrinkwrap.json" "$directory/package-lock.json"
}

# The machine's own Debian mirror, from either format of apt's source lists.
mirror() {
    local lists=(/etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list)
    sed -n -E 's#^URIs:[[:space:]]*([^[:space:]]+/debian)/?([[:space:]].*)?$#\1#p
        s#^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+/debian)/?[[:space:]].*$#\2#p' "${lists[@]}" 2>/dev/null |
        sed -n 1p
}

# Chooses this machine's own packages for `unpack`.
own_apt() {
    apt_options=(-qq -o APT::Sandbox::User=root)
    apt-get "${apt_options[@]}" update || say "apt-get update failed; trying with the lists as they are"
}

# Chooses the packages of another suite, with lists, cache and status of our own, so that the machine's stay as they
# are. Fails where the suite cannot be had.
suite_apt() {
    local suite=$1 uri directory keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    uri=$(mirror)
    [[ -n $uri && -r $keyring ]] || return 1
    directory=$tools/apt-$suite
    mkdir -p "$directory"/{lists/partial,cache/archives/partial,empty.d}
    : >"$directory/status"
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$uri" "$suite" >"$directory/sources.list"
    apt_options=(-qq
        -o "Dir::Etc::SourceList=$directory/sources.list" -o "Dir::Etc::SourceParts=$directory/empty.d"
        -o "Dir::State::Lists=$directory/lists" -o "Dir::State::Status=$directory/status"
        -o "Dir::Cache=$directory/cache" -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any)
    apt-get "${apt_options[@]}" update
}

# extract DIRECTORY ARCHIVES: puts the content of the packages below ARCHIVES into DIRECTORY, and removes ARCHIVES.
extract() {
    mkdir -p "$1"
    for package in "$2"/*.deb; do
        dpkg-deb -x "$package" "$1"
    done
    rm -rf "$2"
}

# unpack DIRECTORY PACKAGE...: downloads with the apt chosen last and unpacks below DIRECTORY.
unpack() {
    local directory=$1 download
    shift
    download=$(mktemp -d "$tools/download.XXXXXX")
    if ! (cd "$download" && apt-get "${apt_options[@]}" download "$@"); then
        rm -rf "$download"
        return 1
    fi
    extract "$directory" "$download"
}

# unpack_whole DIRECTORY PACKAGE...: the same with every package that these depend on and this machine lacks. The
# packages named are unpacked even where the machine has them.
unpack_whole() {
    local directory=$1 archives
    shift
    archives=$(mktemp -d "$tools/download.XXXXXX")
    mkdir "$archives/partial"
    if ! { apt-get "${apt_options[@]}" -o "Dir::Cache::archives=$archives" -o Debug::NoLocking=1 -y \
        --no-install-recommends --reinstall --download-only install "$@" && [[ -n $(echo "$archives"/*.deb) ]]; }; then
        rm -rf "$archives"
        return 1
    fi
    extract "$directory" "$archives"
}

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

# `wrk -v` prints its version and fails.
wrk_runs() {
    [[ $("$tools/bin/wrk" -v 2>&1 || true) == wrk* ]]
}

install_wrk() {
    if wrk_runs; then
        say "wrk is there"
        return
    fi
    local own
    if own=$(type -P wrk); then
        say "wrk is this machine's own"
        ln -sfn "$own" "$tools/bin/wrk"
        wrk_runs
        return
    fi
    say "unpacking wrk"
    own_apt
    unpack "$tools/wrk" wrk libluajit-5.1-2 libluajit-5.1-common
    rm -f "$tools/bin/wrk"
    cat >"$tools/bin/wrk" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=\$(echo "$tools"/wrk/usr/lib/*-linux-gnu) exec "$tools/wrk/usr/bin/wrk" "\$@"
WRAPPER
    chmod +x "$tools/bin/wrk"
    wrk_runs
}

# A tool that runs here already is this machine's own; the others come with the libraries that this machine lacks.
install_http2() {
    local tool own missing=()
    for tool in h2load curl; do
        if "$tools/bin/$tool" --version >/dev/null 2>&1; then
            say "$tool is there"
        elif own=$(type -P "$tool"); then
            say "$tool is this machine's own"
            ln -sfn "$own" "$tools/bin/$tool"
        else
            missing+=("$tool")
        fi
    done
    ((${#missing[@]})) || return 0
    say "unpacking ${missing[*]}"
    own_apt
    unpack_whole "$tools/http2" "${missing[@]/h2load/nghttp2-client}"
    for tool in "${missing[@]}"; do
        rm -f "$tools/bin/$tool"
        cat >"$tools/bin/$tool" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=\$(echo "$tools"/http2/usr/lib/*-linux-gnu) exec "$tools/http2/usr/bin/$tool" "\$@"
WRAPPER
        chmod +x "$tools/bin/$tool"
        "$tools/bin/$tool" --version | sed -n '1s/^/tools: /p'
    done
}

install_valgrind() {
    if "$tools/bin/valgrind" --version >/dev/null 2>&1; then
        say "valgrind is there"
        return
    fi
    local own variable=""
    if own=$(type -P valgrind); then
        say "valgrind is this machine's own"
    else
        say "unpacking valgrind"
        own_apt
        unpack "$tools/valgrind" valgrind
        own=$tools/valgrind/usr/bin/valgrind
        variable="VALGRIND_LIB=\"$tools/valgrind/usr/libexec/valgrind\" "
    fi
    # It looks beside the name that it was called by: no link will do.
    rm -f "$tools/bin/valgrind"
    cat >"$tools/bin/valgrind" <<WRAPPER
#!/bin/sh
${variable}exec "$own" "\$@"
WRAPPER
    chmod +x "$tools/bin/valgrind"
    "$tools/bin/valgrind" --version | sed 's/^/tools: /'
}

# What reads manual pages. Its own files are looked for where they would be installed.
install_groff() {
    if "$tools/bin/groff" --version >/dev/null 2>&1; then
        say "groff is there"
        return
    fi
    local own
    if own=$(type -P groff); then
        say "groff is this machine's own"
        ln -sfn "$own" "$tools/bin/groff"
        return
    fi
    say "unpacking groff"
    own_apt
    unpack "$tools/groff" groff-base libuchardet0
    rm -f "$tools/bin/groff"
    cat >"$tools/bin/groff" <<WRAPPER
#!/bin/sh
export LD_LIBRARY_PATH=\$(echo "$tools"/groff/usr/lib/*-linux-gnu) GROFF_BIN_PATH="$tools/groff/usr/bin"
export GROFF_TMAC_PATH="$tools/groff/usr/share/groff/current/tmac" GROFF_FONT_PATH="$tools/groff/usr/share/groff/current/font"
exec "$tools/groff/usr/bin/groff" "\$@"
WRAPPER
    chmod +x "$tools/bin/groff"
    "$tools/bin/groff" --version | sed -n '1s/^/tools: /p'
}

# The browser with the libraries that this machine lacks, and a font that every machine then has.
install_chromium() {
    if "$tools/bin/chromium" --version >/dev/null 2>&1; then
        say "chromium is there"
        return
    fi
    say "unpacking chromium"
    own_apt
    unpack_whole "$tools/chromium" chromium fonts-dejavu-core
    cat >"$tools/chromium/fonts.conf" <<FONTS
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>$tools/chromium/usr/share/fonts</dir>
  <cachedir>$tools/chromium/cache</cachedir>
</fontconfig>
FONTS
    rm -f "$tools/bin/chromium"
    cat >"$tools/bin/chromium" <<WRAPPER
#!/bin/sh
libraries=\$(echo "$tools"/chromium/usr/lib/*-linux-gnu)
LD_LIBRARY_PATH=\$libraries:\$libraries/pulseaudio FONTCONFIG_FILE="$tools/chromium/fonts.conf" \
    exec "$tools/chromium/usr/lib/chromium/chromium" "\$@"
WRAPPER
    chmod +x "$tools/bin/chromium"
    "$tools/bin/chromium" --version | sed 's/^/tools: /'
}

if (($# == 0)); then
    set -- python openapi clients prometheus alertmanager kustomize wrk valgrind groff chromium http2
fi
for step in "$@"; do
    "install_$step"
done
say "done, in $tools"
