#!/bin/sh
# PECOS and fastText want numpy < 2 and scipy < 1.13, so they have an environment of their own.
#     benchmarks/rivals_environment.sh [FOLDER]      # default: /tmp/rivals; 3 GB, a few minutes
# libpecos asks for torch, transformers and more, which its XR-Linear does not import.
set -eu
folder="${1:-/tmp/rivals}"
python3.11 -m venv "$folder"
"$folder/bin/python" -m pip --disable-pip-version-check install --quiet \
    "numpy<2" "scipy<1.13" libpecos==1.2.8 fasttext-wheel==0.9.2 psutil
