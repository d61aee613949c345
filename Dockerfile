# regobs for CI jobs and exporters: the command alone, run by a user without rights.
#   docker build --tag regobs .
#   docker run --rm --volume "$PWD:/data" --user "$(id -u):$(id -g)" regobs build --out out
# EXTRAS are those of the table in docs/install.md.
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

FROM python:3.14-slim
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --no-compile /wheels/*.whl
# Numbers, not a name: Kubernetes' runAsNonRoot cannot tell who a name is.
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["regobs"]
CMD ["--help"]
