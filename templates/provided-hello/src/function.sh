# Greets the object that landed in the bucket: $1 is the event, stdout the response, stderr the log.
handler() {
  key=$(printf '%s' "$1" | sed -n 's/.*"key": *"\([^"]*\)".*/\1/p' | head -n 1)
  echo "landed: ${key:-nothing}" >&2
  printf '{"message": "hello, %s"}' "${key:-world}"
}
