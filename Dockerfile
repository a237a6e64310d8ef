# For those who prefer Docker; `make image` builds the same paths and user
# without it. docker build --build-arg VERSION=... --build-arg REVISION=... .
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG TARGETOS=linux TARGETARCH=amd64
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
      go build -trimpath -ldflags="-s -w" -o /image/ ./cmd/amend ./cmd/amend-gateway ./cmd/amend-step && \
    mkdir -p /image/etc && mkdir -m 1777 /image/tmp && \
    echo 'amend:x:65532:65532:amend:/tmp:/sbin/nologin' > /image/etc/passwd && \
    echo 'amend:x:65532:' > /image/etc/group

# Nothing but the programs: the certificates of the public authorities are in them.
FROM scratch
ARG VERSION=dev REVISION=
LABEL org.opencontainers.image.title="amend" \
      org.opencontainers.image.description="Answers alerts with the smallest correct change in Git" \
      org.opencontainers.image.url="https://github.com/amendhq/amend" \
      org.opencontainers.image.source="https://github.com/amendhq/amend" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/ /
ENV PATH=/ HOME=/tmp
WORKDIR /tmp
USER 65532:65532
ENTRYPOINT ["/amend"]
