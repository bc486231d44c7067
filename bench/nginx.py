"""nginx with the same bytes, certificate and TLS: what a read is held against."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bench.figures import Skipped
from bench.machine import program as path_of
from bench.running import HOST, folder, free_port, output_of, program
from queuepulse.protocol.wire import CONTENT_TYPE

WORKERS: Final = 1
"""One worker process against our one: both then have a core, and wrk the other."""
INSTALL: Final = "as root: apt-get install nginx-light wrk"
# A file that is posted to is answered 405; as a page for that error it is given, and the status is 200.
_CONFIG: Final = """
daemon off;
{user}worker_processes {workers};
pid {place}/pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {place}/body;
    proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi;
    uwsgi_temp_path {place}/uwsgi;
    scgi_temp_path {place}/scgi;
    default_type "{content_type}";
    types {{ }}
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    client_body_buffer_size 64k;
    open_file_cache max=16;
    open_file_cache_valid 1h;
    server {{
        listen {host}:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        ssl_protocols TLSv1.3;
        root {place}/pages;
        location / {{ error_page 405 =200 $uri; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(pages: Mapping[str, bytes], certificate: Path) -> Iterator[int]:
    """Answers a POST to each path with these bytes; gives its port. Raises Skipped without an nginx."""
    found = path_of("nginx")
    if found is None:
        raise Skipped(f"nginx is missing ({INSTALL})")
    with folder() as place:
        for path, body in pages.items():
            file = place / "pages" / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(body)
        port = free_port()
        config = place / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                # Its workers would become somebody who may not read our folder.
                user="user root;\n" if os.geteuid() == 0 else "",
                workers=WORKERS,
                place=place,
                host=HOST,
                port=port,
                certificate=certificate,
                content_type=CONTENT_TYPE,
            )
        )
        checked = subprocess.run(
            [found, "-t", "-q", "-c", str(config)], capture_output=True, text=True, check=False, timeout=30
        )
        if checked.returncode:
            raise Skipped(f"nginx does not take our settings: {checked.stderr.strip()}")
        with program([found, "-c", str(config)], place) as running:
            if running.poll() is not None:
                raise Skipped(f"nginx did not start: {output_of(place)}")
            yield port
