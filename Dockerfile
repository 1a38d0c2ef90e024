# Stages: `dependencies` installs the hash-pinned packages, `wheel` builds ours, `service` is what runs.

FROM python:3.12-slim-bookworm AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements/runtime.txt requirements/build.txt /requirements/
RUN /venv/bin/pip install --require-hashes --no-deps --requirement /requirements/runtime.txt

FROM dependencies AS wheel
WORKDIR /source
RUN pip install --require-hashes --no-deps --requirement /requirements/build.txt
COPY pyproject.toml README.md ./
COPY alembic alembic
COPY grafana grafana
COPY app app
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.12-slim-bookworm AS service
# Postgres looks the user up by number, so it must have a name; Kubernetes wants the number.
RUN groupadd --gid 10001 driftgauge \
    && useradd --uid 10001 --gid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin driftgauge
COPY --from=dependencies /venv /venv
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    /venv/bin/pip install --no-cache-dir --no-deps --no-index /wheels/driftgauge-*.whl
ENV PATH=/venv/bin:$PATH \
    HOME=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GX_ANALYTICS_ENABLED=false \
    DRIFTGAUGE_DATA_DIR=/data \
    DRIFTGAUGE_HOST=0.0.0.0 \
    DRIFTGAUGE_PORT=8080
USER 10001:10001
WORKDIR /data
# The root file system may be read-only: only /data and /tmp are written.
VOLUME ["/data", "/tmp"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['DRIFTGAUGE_PORT'] + '/livez', timeout=2)"]
ENTRYPOINT ["driftgauge"]
CMD ["serve"]
