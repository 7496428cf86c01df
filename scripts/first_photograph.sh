#!/usr/bin/env bash
# Install nelloc and compress the photograph in docs/images.
set -euo pipefail
cd "$(dirname "$0")/.."
python3 -m pip install --quiet --disable-pip-version-check .
nelloc compress docs/images/parrots.png "${PHOTO_OUT:-parrots.nlc}"
