# regobs as two images. Without a target: the command alone, run by a user without rights, for exporters.
#   docker build --tag regobs .
#   docker run --rm --volume "$PWD:/data" --user "$(id -u):$(id -g)" regobs build --out out
# The target `ci`: with the programs that the jobs of docs/ci.md call, and a shell in the place of an entry point.
#   docker build --target ci --build-arg EXTRAS=snapshot --tag regobs-ci .
# EXTRAS are those of the table in docs/install.md; PROMETHEUS is the release that promtool is taken from.
ARG PROMETHEUS=v3.9.1

FROM python:3.14-slim AS wheels
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY dashboards dashboards
COPY alerts alerts
COPY exporters exporters
COPY log_schemas log_schemas
ARG EXTRAS=elasticsearch,logs
RUN pip wheel --no-cache-dir --wheel-dir /wheels ".[${EXTRAS}]"

FROM prom/prometheus:${PROMETHEUS} AS prometheus

FROM python:3.14-slim AS ci
# Debian keeps only the newest version of a package: one that is named here could not be installed for long.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends git && \
    rm -rf /var/lib/apt/lists/* && \
    git config --system --add safe.directory '*'
COPY --from=prometheus /bin/promtool /usr/local/bin/promtool
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --no-compile /wheels/*.whl
CMD ["bash"]

FROM python:3.14-slim
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --no-compile /wheels/*.whl
# Numbers, not a name: Kubernetes' runAsNonRoot cannot tell who a name is.
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["regobs"]
CMD ["--help"]
