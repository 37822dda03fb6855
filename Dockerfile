# One image for every process of Niangjia: api, console, worker, migrate.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/niangjia
COPY requirements.lock ./
RUN /opt/niangjia/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY storage storage
COPY backend backend
COPY admin admin
RUN /opt/niangjia/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM python:3.12-slim-bookworm
# Chinese glyphs for the watermark that is burned into every preview.
RUN apt-get update -qq \
 && apt-get install -qq -y --no-install-recommends fonts-noto-cjk >/dev/null \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin niangjia \
 && install -d -o niangjia -g niangjia -m 0700 /var/lib/niangjia
COPY --from=build /opt/niangjia /opt/niangjia
ENV PATH=/opt/niangjia/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000 8001
ENTRYPOINT ["niangjia"]
