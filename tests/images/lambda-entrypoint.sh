#!/bin/sh
# The entry point of AWS's base images: the one argument is the handler, the Runtime API comes
# with the environment. Without one AWS's images start their emulator, which this one has not.
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
export _HANDLER="$1"

RUNTIME_ENTRYPOINT=/var/runtime/bootstrap
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
  exec /usr/local/bin/aws-lambda-rie $RUNTIME_ENTRYPOINT
fi
exec $RUNTIME_ENTRYPOINT
