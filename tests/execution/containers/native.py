"""A function in C, in images that hold hardly anything else."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import docker

from tests.parts import need

SOURCE = r"""
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <unistd.h>

static char answer[65536];

/* One request on a connection of its own. */
static char *ask(const char *method, const char *path, const char *body) {
  static char text[65536];
  char host[256], *port;
  snprintf(host, sizeof host, "%s", getenv("AWS_LAMBDA_RUNTIME_API"));
  port = strchr(host, ':');
  *port++ = 0;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  inet_aton(host, &to.sin_addr);
  int s = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(s, (struct sockaddr *)&to, sizeof to)) exit(9);
  snprintf(text, sizeof text,
           "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
           "Content-Length: %zu\r\n\r\n%s",
           method, path, getenv("AWS_LAMBDA_RUNTIME_API"), strlen(body), body);
  if (write(s, text, strlen(text)) < 0) exit(9);
  size_t size = 0;
  ssize_t n;
  while ((n = read(s, answer + size, sizeof answer - 1 - size)) > 0) {
    size += n;
    answer[size] = 0;
    char *end = strstr(answer, "\r\n\r\n");
    char *length = strcasestr(answer, "content-length:");
    if (end && length && strlen(end + 4) >= (size_t)atoi(length + 15)) break;
  }
  close(s);
  return strstr(answer, "\r\n\r\n") + 4;
}

int main(void) {
  int calls = 0;
  printf("loaded\n");
  fflush(stdout);
  for (;;) {
    char *event = ask("GET", "invocation/next", "");
    char id[128], path[256], body[256];
    char *header = strcasestr(answer, "lambda-runtime-aws-request-id:");
    if (!header) {
      fprintf(stderr, "refused: %s\n", answer);
      exit(8);
    }
    sscanf(header + 30, " %100[^\r\n]", id);
    calls++;
    printf("call %d\n", calls);
    fflush(stdout);
    if (strstr(event, "close")) { close(1); close(2); }
    if (strstr(event, "sleep")) sleep(100);
    if (strstr(event, "exit")) exit(3);
    if (strstr(event, "crash")) *(volatile int *)0 = 1;
    snprintf(path, sizeof path, "invocation/%s/response", id);
    snprintf(body, sizeof body, "{\"calls\": %d, \"pid\": %d}", calls, getpid());
    ask("POST", path, body);
  }
}
"""


def compiled(folder: Path) -> Path:
    """The program, which needs no other file."""
    program, source = folder / "bootstrap", folder / "bootstrap.c"
    source.write_text("#define _GNU_SOURCE\n" + SOURCE)
    subprocess.run(
        [need("gcc"), "-static", "-O1", "-w", "-o", str(program), str(source)], check=True
    )
    return program


def image(client: docker.APIClient, name: str, program: Path, *, shell: bool = False) -> None:
    """Make an image of the program, and of this machine's shell perhaps."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(program, "bootstrap")
        files = {}
        if shell:
            files = {Path("/bin/sh"): Path("/bin/sh").resolve()}
            files |= {library: library.resolve() for library in _libraries("/bin/sh")}
        for folder in sorted({parent for path in files for parent in path.parents} - {Path("/")}):
            # The engine lets root alone into those that it has to add.
            entry = tarfile.TarInfo(str(folder).lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for path, real in files.items():
            archive.add(real, str(path).lstrip("/"))
    client.import_image_from_data(
        data.getvalue(), repository=name, changes=['ENTRYPOINT ["/bootstrap"]']
    )


def _libraries(program: str) -> list[Path]:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    words = [word for word in listed.split() if word.startswith("/")]
    return [Path(word.rstrip(":")) for word in words]
