# Sourced by the runtimes' /var/runtime/bootstrap: starts what it was given, behind the function's
# wrapper script if it has one.
# https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
wrapper="$AWS_LAMBDA_EXEC_WRAPPER"
if [ -z "$wrapper" ]; then
  exec "$@"
fi
if [ ! -f "$wrapper" ]; then
  echo "$wrapper: does not exist"
  exit 127
fi
if [ ! -x "$wrapper" ]; then
  echo "$wrapper: is not an executable"
  exit 126
fi
exec -- "$wrapper" "$@"
