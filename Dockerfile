# The image: one static binary and what its licences ask for. No shell, no user but a number, nothing that writes.
#   FEATURES    bert, or empty for `simple` and iris alone
#   TARGET_CPU  x86-64-v3 (AVX2), or empty for every x86-64; passed over on arm64
#   VERSION, REVISION, SOURCE_DATE_EPOCH  what the labels and times say; `make image` sets them
# Of the same arguments and the same base come the same bytes.
ARG RUST_VERSION=1.95

# Cargo, gcc, make and Python 3 are what is used of it. It is built natively, for each platform by an image of that platform.
FROM rust:${RUST_VERSION}-bookworm AS build
ARG TARGET_CPU=x86-64-v3
WORKDIR /build

# The dependencies, of each variant, in a layer that lasts as long as Cargo.lock does. The stubs' own outputs go: cargo would
# take them for those of sources that are older than they are.
COPY Cargo.toml Cargo.lock ./
COPY deploy/release/build.mk deploy/release/small.toml deploy/release/
COPY deploy/image/stubs.sh deploy/image/
ARG FEATURES=bert
RUN sh deploy/image/stubs.sh \
    && make --file=deploy/release/build.mk build SOURCE_DATE_EPOCH=0 \
    && find target -name '*tamis*' -prune -exec rm -rf {} +

COPY docs/openapi.json docs/
COPY models models
COPY src src
RUN make --file=deploy/release/build.mk build SOURCE_DATE_EPOCH=0

COPY LICENSE ./
COPY deploy/release/*.py deploy/release/
ARG SOURCE_DATE_EPOCH=0
RUN install -D --mode=0555 target/*-linux-gnu/release/tamis /image/tamis \
    && install -D LICENSE /image/licenses/LICENSE \
    && python3 deploy/release/inventory.py --features "$FEATURES" \
       --sbom /image/licenses/tamis.cdx.json --notices /image/licenses/THIRD-PARTY-NOTICES.txt \
    && chmod 0444 /image/licenses/* \
    && find /image -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
EXPOSE 8000
# Ready 20 ms after its start, half a second with a twentieth of a core: `make deploy-test ARGS=container` says it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s --retries=3 CMD ["/tamis", "healthcheck"]
ENTRYPOINT ["/tamis"]
# Last: a builder may take an earlier label of another revision from its cache.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="tamis" \
      org.opencontainers.image.description="Scores text for toxicity and classifies irises over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
