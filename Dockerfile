# What the last stage stands on: any image with Node 24 on its PATH or in /nodejs/bin, and nothing else: no shell, no npm.
ARG BASE=docker.io/library/node:24-bookworm-slim
# What the others run in: Node 24, npm and a shell.
ARG BUILD_BASE=docker.io/library/node:24-bookworm-slim

# Nothing that is made here depends on a processor: for every platform it is made once, on the builder's own.
FROM --platform=$BUILDPLATFORM ${BUILD_BASE} AS manifest
WORKDIR /build
COPY package.json package-lock.json ./

FROM manifest AS program
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY nest-cli.json tsconfig.json ./
COPY src src
COPY scripts/build-pages.ts scripts/
# As a command of its own, for who enters a container.
RUN npm run build \
 && find dist -name '*.map' -delete \
 && chmod 755 dist/main.js \
 && mkdir -p /command/usr/local/bin \
 && ln -s /app/dist/main.js /command/usr/local/bin/vestibule

FROM manifest AS dependencies
# More than half of what npm installs is never read by Node: the libraries' own tests, examples and documentation, source
# maps, types and TypeScript sources, what is for another runtime (Bare), TypeORM's build for browsers. Licences stay.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && find node_modules -depth -type d -regextype posix-extended \
      -regex '(.*/)?node_modules/(@[^/]+/[^/]+|[^@/][^/]*)/(tests?|docs|examples?|benchmarks?)' -exec rm -r {} + \
 && find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.bare' \
      -o -name '*.md' ! -iname 'licen[cs]e*' ! -iname 'notice*' \) -delete \
 && rm -r node_modules/typeorm/browser \
 && find node_modules -type d -empty -delete

FROM ${BASE}
ENV NODE_ENV=production HOST=0.0.0.0 PATH=${PATH}:/nodejs/bin
WORKDIR /app
COPY --from=dependencies /build/node_modules node_modules
COPY --from=program /command /
COPY package.json LICENSE ./
COPY --from=program /build/dist dist
USER 65532:65532
EXPOSE 3000 9464
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve"]

ARG BASE
ARG VERSION=unreleased
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=
LABEL org.opencontainers.image.title="Vestibule" \
      org.opencontainers.image.description="A session broker for realtime voice APIs: provider keys stay in the vault, callers leave with a credential that lives a minute" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
