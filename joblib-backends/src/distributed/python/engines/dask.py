"""Dask."""

import sys


class Dask(Engine):
    shares = True
    keeps = True

    def __init__(self, location, options):
        distributed = needed("distributed", "distributed")
        arguments = {}
        if "tls_ca_file" in options:
            names = ("tls_ca_file", "tls_client_cert", "tls_client_key")
            arguments["security"] = distributed.Security(
                require_encryption=True, **{name: options[name] for name in names if name in options}
            )
        self.retries = int(options.get("retries", 3))
        try:
            self.client = distributed.Client(
                location or None, timeout=options.get("timeout", "20s"), set_as_default=False,
                name="joblib", **arguments,
            )
        except Exception as error:  # also what only says that a certificate is missing
            raise Unusable(f"no Dask scheduler answers at `{location}`: {error}") from None
        self.module = distributed
        self.compare_versions(location)
        wait = float(options.get("wait_for_workers", 10))
        try:
            self.client.wait_for_workers(1, timeout=wait)
        except TimeoutError:
            raise Unusable(
                f"the Dask scheduler at `{location}` got no worker within {wait:g} s: start one "
                "with `dask worker`"
            ) from None

    def compare_versions(self, location):
        """Client, scheduler and workers send each other what only the same version understands."""
        versions = self.client.get_versions()
        ours = version_of(versions["client"])
        theirs = {"scheduler": versions["scheduler"], **versions["workers"]}
        for place, version in theirs.items():
            if version is not None and version_of(version) != ours:
                raise Unusable(
                    f"{sys.executable} has {ours}, but the Dask cluster at `{location}` "
                    f"({place}) has {version_of(version)}: choose a Python with the same by "
                    "JOBLIB_PYTHON"
                )

    def is_there(self):
        return self.client.status == "running"

    def n_jobs(self):
        return sum(self.client.nthreads().values())

    def submit(self, calls):
        columns = list(zip(*calls))
        return self.client.map(
            on_worker, *columns, pure=False, retries=self.retries, batch_size=len(calls)
        )

    def has(self, future):
        return future is not None and future.status in ("pending", "finished")

    def put(self, data):
        return self.client.scatter(data, hash=False)

    def has_lost_data(self, error):
        return type(error).__name__ in ("FutureCancelledError", "CancelledError")

    def everywhere(self, *call):
        self.client.run(on_worker, *call, on_error="ignore")

    def close(self):
        self.client.close(timeout=2)

    def about(self):
        return f"Dask {self.module.__version__}"


def version_of(versions):
    """Of what `get_versions` says about one process, that which has to be the same."""
    python = ".".join(versions["host"]["python"].split(".")[:2])
    return f"distributed {versions['packages']['distributed']} on Python {python}"
