#!/usr/bin/env python3
"""Tests everything under deploy/, and the image, with the real tools.

    run.py [STEP...]     all steps, or those named

TAMIS_BIN is the daemon (target/debug/tamis), TAMIS_TOOLS what tests/tools.sh has installed. Exits with 1 if a step
fails. A step that lacks a tool says so and is left out; with CI=true it fails.
"""

import sys

import compose
import compose_live
import container
import dockerfile
import image
import images
import inventory
import kubernetes
import kubernetes_live
import migration
import package
import playbook
import playbook_docker
import publish
import release
import rolling
import rollout
import shell
import smoke
import systemd
import terraform
import versions
import vm
import workflows
from steps import runner

# Last, because the images are built, or begun to be, while the others run.
OF_IMAGES = {"image": image.check, "inventory": inventory.check, "container": container.check}
STEPS = {
    "shell": shell.check,
    "workflows": workflows.check,
    "dockerfile": dockerfile.check,
    "kubernetes": kubernetes.check,
    "kubernetes-live": kubernetes_live.check,
    "compose": compose.check,
    "compose-live": compose_live.check,
    "systemd": systemd.check,
    "ansible": playbook.check,
    "ansible-docker": playbook_docker.check,
    "terraform": terraform.check,
    "package": package.check,
    "versions": versions.check,
    "smoke": smoke.check,
    "release": release.check,
    "publish": publish.check,
    "rollout": rollout.check,
    "vm": vm.check,
    "rolling": rolling.check,
    "migration": migration.check,
    **OF_IMAGES,
}


if __name__ == "__main__":
    if any(name in OF_IMAGES for name in sys.argv[1:] or STEPS):
        images.building()
    sys.exit(runner.main("deploy", STEPS))
