#!/usr/bin/env bash
# Installs what the tests judge and load the daemon with, and what tries deploy/, into .tools (or $TAMIS_TOOLS):
#   venv/bin/python     Python with the packages of the requirements.txt in tests/judges, tests/browser, tests/clients,
#                       tests/clients/open_inference, docs/examples, monitoring/test
#   bin/python-with-NAME   Python with packages that agree with nothing but each other: those of tests/openapi
#                       (bin/schemathesis) and deploy/test/NAME.txt (bin/checkov, hadolint, ansible-playbook, actionlint ...)
#   bin/node-with-clients   this machine's Node.js with the packages of tests/clients/package-lock.json
#   bin/promtool, bin/prometheus, bin/alertmanager, bin/amtool, bin/kustomize, bin/haproxy, bin/wrk, bin/h2load, bin/curl,
#   bin/valgrind, bin/groff, bin/chromium, bin/docker-compose, bin/docker-registry, bin/docker, bin/cosign
#   bin/buildah, bin/podman, bin/debootstrap   with what they call, and settings of their own; they need root
#   docker/             Debian's Docker, which runs in machines of deploy/test/machine.py
#   google-schema.json  Terraform's google provider, of the resources in deploy/terraform
# `tests/tools.sh coverage` and `mutants` add what `make coverage` and `make mutants` run, which the gate does not.
# `tests/tools.sh STEP...` does some of it: a step is an install_STEP of tests/tools/.
# Nothing is installed on the machine itself: Debian packages are unpacked, not configured. Needs Python 3.11 or newer
# with venv, and apt; for the JavaScript clients Node.js with npm. Does nothing where all is there; run it again after a failure.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tools=${TAMIS_TOOLS:-$root/.tools}
mkdir -p "$tools/bin"
tools=$(cd "$tools" && pwd)

for room in common judges servers load deploy proofs; do
    # shellcheck source=/dev/null
    source "$root/tests/tools/$room.sh"
done

if (($# == 0)); then
    set -- python openapi clients chromium groff valgrind prometheus alertmanager kustomize balancer wrk http2 \
        infrastructure image containers compose ansible terraform docker workflows registry
fi
for step in "$@"; do
    "install_$step"
done
say "done, in $tools"
