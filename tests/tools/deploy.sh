# shellcheck shell=bash disable=SC2154 # tools.sh sets root and tools
# What builds, checks and runs that which is in deploy/.

install_infrastructure() {
    apart infrastructure "$root/deploy/test/infrastructure.txt" checkov
}

install_image() {
    apart image "$root/deploy/test/image.txt" hadolint
}

# What builds and runs images: with policy, settings and helpers in the directory itself, so that a buildah or podman of
# this machine and what it stores stay as they are. runc because crun refuses version 1 of cgroups, and the two limits
# because not every machine may raise them.
install_containers() {
    if "$tools/bin/buildah" --version >/dev/null 2>&1 && "$tools/bin/podman" --version >/dev/null 2>&1; then
        say "buildah and podman are there"
        return
    fi
    say "unpacking buildah, podman, runc, debootstrap"
    local directory=$tools/containers multiarch program
    multiarch=$(gcc -print-multiarch)
    own_apt
    unpack_whole "$directory" buildah podman runc conmon netavark debootstrap libgpgme11 libassuan0 libsubid4 \
        golang-github-containers-common patchelf
    # buildah calls a copy of itself in memory, without its environment: where its libraries are has to stand in it, in full.
    for program in "$directory"/usr/bin/{buildah,podman,conmon} "$directory/usr/sbin/runc"; do
        "$directory/usr/bin/patchelf" --force-rpath --set-rpath "$directory/usr/lib/$multiarch:$directory/lib/$multiarch" "$program"
    done
    mkdir -p "$directory/.config/containers"
    echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$directory/.config/containers/policy.json"
    cat >"$directory/containers.conf" <<SETTINGS
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=2048:2048"]
seccomp_profile = "$directory/usr/share/containers/seccomp.json"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
conmon_path = ["$directory/usr/bin/conmon"]
helper_binaries_dir = ["$directory/usr/lib/podman"]
[engine.runtimes]
runc = ["$directory/usr/sbin/runc"]
[network]
network_backend = "netavark"
network_config_dir = "$directory/networks"
SETTINGS
    for program in buildah podman; do
        rm -f "$tools/bin/$program"
        cat >"$tools/bin/$program" <<WRAPPER
#!/bin/sh
export HOME="$directory" CONTAINERS_CONF="$directory/containers.conf"
exec "$directory/usr/bin/$program" "\$@"
WRAPPER
        chmod +x "$tools/bin/$program"
        "$tools/bin/$program" --version | sed 's/^/tools: /'
    done
    rm -f "$tools/bin/debootstrap"
    cat >"$tools/bin/debootstrap" <<WRAPPER
#!/bin/sh
DEBOOTSTRAP_DIR="$directory/usr/share/debootstrap" exec "$directory/usr/sbin/debootstrap" "\$@"
WRAPPER
    chmod +x "$tools/bin/debootstrap"
}

# The Compose of Docker's command line, by itself: it reads and checks files without an engine. bookworm's is the old one
# in Python: where trixie cannot be had, the tests say what they leave out.
install_compose() {
    if "$tools/bin/docker-compose" version >/dev/null 2>&1; then
        say "docker-compose is there"
        return
    fi
    say "unpacking docker-compose"
    if suite_apt trixie && unpack "$tools/debian" docker-compose; then
        ln -sfn "$tools/debian/usr/libexec/docker/cli-plugins/docker-compose" "$tools/bin/docker-compose"
    else
        say "trixie cannot be had: no docker-compose"
    fi
}

install_ansible() {
    apart ansible "$root/deploy/test/ansible.txt" ansible-playbook ansible-vault ansible-lint yamllint
}

# The schema of Terraform's google provider for the types of deploy/terraform, from a package of 300 MB that then goes again.
install_terraform() {
    apart terraform "$root/deploy/test/terraform.txt"
    local schema=$tools/google-schema.json package=@cdktf/provider-google version=16.12.1 names directory
    names="$version $(cat "$root"/deploy/terraform/*.tf | grep -oE '^(resource|data) "google_\w+"' | sort -u)"
    if [[ -s $schema ]] && cmp -s <(echo "$names") "$schema.names"; then
        say "the schema of terraform's google provider is there"
        return
    fi
    if ! type -P npm >/dev/null; then
        say "no npm here: no schema of terraform's google provider"
        return
    fi
    say "reading the schema of terraform's google provider"
    directory=$(mktemp -d "$tools/download.XXXXXX")
    npm install --prefix "$directory" --ignore-scripts --no-audit --no-fund --loglevel=error --legacy-peer-deps "$package@$version"
    python3 "$root/deploy/test/google_schema.py" "$directory/node_modules/$package" "$root"/deploy/terraform/*.tf >"$schema"
    echo "$names" >"$schema.names"
    rm -rf "$directory"
}

install_docker() {
    if "$tools/docker/usr/sbin/dockerd" --version >/dev/null 2>&1; then
        say "docker is there"
        return
    fi
    say "unpacking docker"
    own_apt
    unpack_whole "$tools/docker" docker.io containerd runc
    # Where /lib is a link to usr/lib, nothing can be laid over it.
    cp -a "$tools/docker/lib/." "$tools/docker/usr/lib/"
    rm -rf "$tools/docker/lib"
    "$tools/docker/usr/sbin/dockerd" --version | sed 's/^/tools: /'
}

install_workflows() {
    apart workflows "$root/deploy/test/workflows.txt" actionlint check-jsonschema zizmor
}

# A registry of images, and what puts images under one name there and signs them. bookworm has no cosign: where trixie cannot
# be had, the tests say what they leave out. Docker's command line looks for buildx below its configuration.
install_registry() {
    if "$tools/bin/docker-registry" --version >/dev/null 2>&1 && "$tools/bin/docker" buildx version >/dev/null 2>&1 &&
        "$tools/bin/cosign" version >/dev/null 2>&1; then
        say "docker-registry, docker with buildx and cosign are there"
        return
    fi
    say "unpacking docker-registry, docker and cosign"
    if ! { suite_apt trixie && unpack "$tools/debian" docker-registry docker-cli docker-buildx cosign; }; then
        say "trixie cannot be had: no docker-registry, docker and cosign"
        return
    fi
    mkdir -p "$tools/registry/cli-plugins"
    ln -sfn "$tools/debian/usr/libexec/docker/cli-plugins/docker-buildx" "$tools/registry/cli-plugins/docker-buildx"
    ln -sfn "$tools/debian/usr/bin/docker-registry" "$tools/bin/docker-registry"
    ln -sfn "$tools/debian/usr/bin/cosign" "$tools/bin/cosign"
    rm -f "$tools/bin/docker"
    cat >"$tools/bin/docker" <<WRAPPER
#!/bin/sh
DOCKER_CONFIG="$tools/registry" exec "$tools/debian/usr/bin/docker" "\$@"
WRAPPER
    chmod +x "$tools/bin/docker"
}
