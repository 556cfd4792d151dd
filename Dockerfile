# One image for the stacks, the gateway and the migration; docker-compose.yml says which one a container is.
FROM python:3.11-slim-bookworm AS locks
COPY . /source
WORKDIR /source
# Whichever lock files there are: a stack that has been retired took its own with it.
RUN mkdir /locks \
    && for lock in requirements.lock */requirements.lock; do \
        if [ -f "$lock" ]; then cp "$lock" "/locks/$(echo "$lock" | tr / -)"; fi; \
    done

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends nginx-light \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home changeover
WORKDIR /app
COPY --from=locks /locks /locks
RUN python -m venv .venv \
    && for lock in /locks/*; do set -- "$@" -r "$lock"; done \
    && .venv/bin/pip install --no-cache-dir --require-hashes --no-deps "$@"
COPY . .
RUN install -m 755 deploy/changeover .venv/bin/changeover \
    && .venv/bin/changeover containers --folder /srv/gateway \
    && mkdir -p /srv/control/gateway/state /srv/control/gateway/log \
    && chown -R changeover /srv/gateway /srv/control
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BIND_HOST=0.0.0.0 VAR_DIR=/tmp/changeover
USER changeover
