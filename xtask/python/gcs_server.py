"""A stand-in for Google Cloud Storage: the S3 server of moto under the header names of Google's XML API.

Google describes that API as compatible with S3's: requests for objects, parts and lists are the same but for headers.
"""

import sys

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple


#: Signatures are not looked at.
SOMEBODY = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


class Google:
    """Gives conditions and versions the names that Amazon and Google have for them."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        environ["HTTP_AUTHORIZATION"] = SOMEBODY
        # Generation 0 is that of an object that is not there.
        if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None) == "0":
            environ["HTTP_IF_NONE_MATCH"] = "*"

        def start(status, headers, error=None):
            return start_response(status, [*headers, ("x-goog-generation", "1")], error)

        return self.application(environ, start)


if __name__ == "__main__":
    application = Google(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
