# The demo backend with a health check; `docker run --health-cmd` would need a shell.
FROM scratch
COPY whoami /whoami
EXPOSE 8080
HEALTHCHECK --interval=1s --timeout=3s --retries=2 CMD ["/whoami", "healthcheck"]
ENTRYPOINT ["/whoami"]
