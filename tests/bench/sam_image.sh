#!/bin/sh
# A stand-in for public.ecr.aws/lambda/python:3.11, which `sam local invoke` asks for, made of
# Debian's and PyPI's packages: for machines that can't reach Amazon's registry. Needs root, debootstrap,
# a running Docker engine (`dockerd &` will do) and Python 3.11 (the image's, so that compiled wheels fit).
set -eu
root=${1:-/root/lambda-root}

[ -d "$root/usr" ] || debootstrap --variant=minbase --include=python3,ca-certificates bookworm "$root"
mkdir -p "$root/var/runtime" "$root/var/task"
python3.11 -m pip install --quiet --target "$root/var/runtime" --upgrade awslambdaric boto3

cat >"$root/var/runtime/bootstrap" <<'END'
#!/bin/sh
export PYTHONPATH=/var/runtime:/var/task
exec /usr/bin/python3 -m awslambdaric "$_HANDLER"
END
cat >"$root/lambda-entrypoint.sh" <<'END'
#!/bin/sh
export _HANDLER="$1"
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
  exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
fi
exec /var/runtime/bootstrap
END
chmod +x "$root/var/runtime/bootstrap" "$root/lambda-entrypoint.sh"

tar -C "$root" -c . | docker import \
  -c 'ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LANG=C.UTF-8' \
  -c 'ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin' \
  -c 'WORKDIR /var/task' -c 'ENTRYPOINT ["/lambda-entrypoint.sh"]' \
  - public.ecr.aws/lambda/python:3.11
