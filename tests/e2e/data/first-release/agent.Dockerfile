# The softphone agent. Wheels first, then the image, both from the top folder:
#   pip wheel -c constraints.txt -w build/wheels '.[agent,operator]'
#   docker build -f images/agent/Dockerfile -t softphone-fleet-agent .
ARG BASE=python:3.11-slim-bookworm

# What the program needs: a layer of its own, which stays as it is while only the program changes.
FROM ${BASE} AS dependencies
WORKDIR /build
COPY pyproject.toml .
# Every wheel but the project's own (softphone_fleet).
COPY build/wheels/[^s]*.whl build/wheels/s[^o]*.whl wheels/
RUN python3 -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
        print(*project["dependencies"], *project["optional-dependencies"]["agent"], sep="\n")' > requirements.txt \
    && python3 -m pip install --no-index --find-links wheels --target /app --no-compile --no-cache-dir \
        --disable-pip-version-check --root-user-action ignore -r requirements.txt \
    # Compiled now because the root file system will be read-only; not bound to time stamps, which copying may change.
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /app

FROM ${BASE} AS project
COPY build/wheels/softphone_fleet-*.whl /wheels/
RUN python3 -m pip install --no-index --no-deps --target /app --no-compile --no-cache-dir \
        --disable-pip-version-check --root-user-action ignore /wheels/*.whl \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${BASE}
# Programs ask for the name of their user.
RUN echo 'softphone:x:65532:65532:softphone-fleet:/nonexistent:/usr/sbin/nologin' >> /etc/passwd
ENV PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["python3", "-m", "softphone_agent"]
COPY --from=dependencies /app /app
COPY --from=project /app /app
