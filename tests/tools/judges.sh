# shellcheck shell=bash disable=SC2154 # tools.sh sets root and tools
# What judges answers: Python packages, clients, a browser, and what reads manual pages and counts instructions.

install_python() {
    local directory requirements=()
    for directory in tests/{judges,browser,clients,clients/open_inference} docs/examples monitoring/test; do
        requirements+=("$root/$directory/requirements.txt")
    done
    # Packages of which the tests need a part that needs nothing of what the whole needs.
    local alone=("$root/tests/clients/open_inference/requirements-alone.txt")
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

install_openapi() {
    apart openapi "$root/tests/openapi/requirements.txt" schemathesis
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
