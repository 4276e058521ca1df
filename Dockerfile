# Base images are pinned by version; pin them by digest where your registry is known (docker buildx imagetools inspect).
# Dependencies are installed in a stage of their own, so that a change of source does not install them again.
FROM node:24.21.0-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund --ignore-scripts=false

# The admin page is built, and the service bundled, so that it starts in half the time.
FROM node:24.21.0-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --ignore-scripts=false
COPY tsconfig.json ./
COPY scripts scripts
COPY gen gen
COPY src/admin/app src/admin/app
RUN node scripts/admin-page.mjs
COPY src src
RUN node scripts/bundle.mjs

# Commands beside the service run from their sources. Nothing that runs here needs a shell.
FROM node:24.21.0-slim
WORKDIR /app
ENV NODE_ENV=production MODELTIER_HOST=0.0.0.0 MODELTIER_DATA_DIR=/data
COPY --from=packages /app/node_modules node_modules
COPY package.json ./
COPY gen gen
COPY src src
COPY --from=build /app/src/admin/dist src/admin/dist
COPY --from=build /app/dist dist
RUN mkdir /data /cache && chown 65532:65532 /data /cache
VOLUME /data
USER 65532:65532
# What Node makes of the code is kept in the image, for the user it runs as: starting takes half the time. The service is started
# once, asked for its health, and ended.
ENV NODE_COMPILE_CACHE=/cache
RUN MODELTIER_HOST=127.0.0.1 MODELTIER_DATA_DIR=/tmp/warm timeout 60 sh -c \
  'node_modules/.bin/node --single-threaded-gc --gc-memory-reducer-start-delay-ms=300000 dist/main.mjs & until node_modules/.bin/node src/cli/health-main.ts; do sleep 0.2; done; kill $! && wait $!' \
  && rm -rf /tmp/warm
EXPOSE 50051 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s \
  CMD ["node_modules/.bin/node", "src/cli/health-main.ts"]
CMD ["node_modules/.bin/node", "--single-threaded-gc", "--gc-memory-reducer-start-delay-ms=300000", "dist/main.mjs"]
