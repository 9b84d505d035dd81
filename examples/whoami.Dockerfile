# The demo backend as an image: `scripts/images whoami` builds it, with the static binary beside it.
FROM scratch
COPY whoami /whoami
EXPOSE 8080
ENTRYPOINT ["/whoami"]
