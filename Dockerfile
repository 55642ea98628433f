# The image of compose.yaml: the package with all that production needs, and no workspace.
FROM python:3.13-slim
COPY . /src
RUN pip install --no-cache-dir "/src[scale,twilio]" && rm -rf /src
WORKDIR /shop
ENTRYPOINT ["messaging"]
