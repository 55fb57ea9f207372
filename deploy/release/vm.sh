#!/usr/bin/env bash
# vm.sh TARBALL: installs the binary of a release's tarball on the hosts of the inventory, one after the other, and asks each
# what smoke.py asks. A host that is not ready stops it there, with the old binary kept beside the new one.
# INVENTORY        the text of an inventory, as deploy/ansible/inventory.example.yml
# VAULT            the text of the encrypted vault.yml, where the daemon has credentials; VAULT_PASSWORD opens it
# SMOKE_API_KEY    as in smoke.py
set -euo pipefail

tarball=$(realpath "${1:?usage: vm.sh TARBALL}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077

(cd "$(dirname "$tarball")" && sha256sum --check --strict --quiet "$(basename "$tarball").sha256")
tar --extract --gzip --file "$tarball" --directory "$work" --strip-components=1
version=$("$work/bin/tamis" --version)

printf '%s\n' "${INVENTORY:?is the text of an inventory}" >"$work/inventory.yml"
options=(--inventory "$work/inventory.yml" --extra-vars "tamis_install=binary tamis_binary=$work/bin/tamis"
    --extra-vars "tamis_version=${version#tamis }")
if [[ -n ${VAULT:-} ]]; then
    printf '%s\n' "$VAULT" >"$work/vault.yml"
    printf '%s\n' "${VAULT_PASSWORD:?opens the vault}" >"$work/password"
    options+=(--extra-vars "@$work/vault.yml" --vault-password-file "$work/password")
fi
cd "$here/../ansible"
ansible-playbook "${options[@]}" playbook.yml smoke.yml
