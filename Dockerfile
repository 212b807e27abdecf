# One node of lockmgr. Every stage stands on the official image of a long-term line of Node; another one with node, npm and a
# shell can stand in for it: --build-arg NODE_IMAGE=… is what runs, --build-arg BUILD_IMAGE=… what compiles.

ARG NODE_IMAGE=node:24-bookworm-slim
ARG BUILD_IMAGE=${NODE_IMAGE}

# What is compiled. Whoever changes a source only does not install again.
FROM ${BUILD_IMAGE} AS compiled
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.base.json ./
COPY src ./src
RUN node_modules/.bin/tsc -b \
 && find dist -name '*.d.ts' -o -name '.tsbuildinfo*' | xargs rm -f \
 && mkdir /data

# What is needed to run.
FROM ${BUILD_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="lockmgr" \
      org.opencontainers.image.description="A distributed lock service: named locks, leases and fencing tokens that only ever grow." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/node:24-bookworm-slim"

ENV NODE_ENV=production \
    DATA_DIR=/data
WORKDIR /app
COPY package.json LICENSE ./
COPY proto ./proto
COPY deploy/docker/health-check.mjs ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=compiled /app/dist ./dist
# Nothing but this is ever written, and it must outlive the container.
COPY --from=compiled --chown=1000:1000 /data /data
VOLUME /data

# The user `node` of the official image, by number, so that Kubernetes can see that it is not root.
USER 1000:1000
# Clients over gRPC; other nodes and regions; clients over HTTP, health, metrics.
EXPOSE 9090 9091 8080
STOPSIGNAL SIGTERM
# Whether it is alive, not whether it has a quorum: some schedulers replace what is unhealthy, and that would not bring one back.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["node", "/app/health-check.mjs", "/healthz"]
ENTRYPOINT ["node", "--enable-source-maps", "/app/dist/src/main.js"]
