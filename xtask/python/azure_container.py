"""Make a container in Azurite: azure_container.py PORT NAME. Only the standard library."""

import base64
import hashlib
import hmac
import http.client
import sys
from email.utils import formatdate

ACCOUNT = "devstoreaccount1"
# The key that every Azurite has, published in its documentation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
VERSION = "2021-08-06"


def main(port: str, name: str) -> None:
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION}
    named = "".join(f"{key}:{headers[key]}\n" for key in sorted(headers))
    # Method, then eleven standard headers that are empty here, then ours, then the resource.
    resource = f"/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    to_sign = "PUT\n" + "\n" * 11 + named + resource
    digest = hmac.digest(base64.b64decode(KEY), to_sign.encode(), hashlib.sha256)
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    headers["Content-Length"] = "0"
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
    connection.request("PUT", f"/{ACCOUNT}/{name}?restype=container", headers=headers)
    response = connection.getresponse()
    if response.status not in (201, 409):
        sys.exit(f"{response.status} {response.reason}: {response.read().decode()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
