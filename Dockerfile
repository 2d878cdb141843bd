# The library, the workflow and the released weights on Debian, for `docker run` and `snakemake --sdm apptainer`.
#   docker build --tag groupsc .
#   docker run --rm --volume "$PWD":/work --workdir /work groupsc groupsc denoise photo.png clean.png
# For GPUs: --build-arg TORCH=https://download.pytorch.org/whl/cu130, and `docker run --gpus all`.
FROM python:3.12-slim

ARG TORCH=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /opt/groupsc
COPY constraints.txt ./
# By far the largest layer, so it stands apart from what changes more often.
RUN pip install --constraint constraints.txt --extra-index-url "$TORCH" \
    "torch==$(sed -n 's/^torch==//p' constraints.txt)+${TORCH##*/}"

COPY pyproject.toml hatch_build.py environment.yml README.md LICENSE CHANGELOG.md CITATION.cff ./
COPY data/published.csv data/registry.csv data/sources.csv data/
COPY data/weights data/weights
COPY data/store data/store
COPY data/measured data/measured
COPY data/realisations data/realisations
COPY workflow workflow
COPY config config
COPY groupsc groupsc
# The compiler is for groupsc/inference/compiled alone, and is removed in the same layer.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && pip install --constraint constraints.txt '.[workflow]' && groupsc weights verify \
    && apt-get purge --yes --auto-remove gcc libc6-dev && rm -rf /var/lib/apt/lists/*

# DVC asks Git for the root of a checkout that is mounted from outside, under another user.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory '*'

CMD ["groupsc", "--help"]
