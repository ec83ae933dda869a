"""Dask."""

import queue
import sys
import threading
import uuid


class Fetched:
    """A result that is here."""

    def __init__(self, value):
        self.value = value

    def result(self):
        return self.value


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
        self.ended = queue.SimpleQueue()
        #: Workers that can be reached from here, so that results need not go through the scheduler.
        self.near = set()
        self.all_are_near = False
        self.hurry()
        for work in (self.teach, self.fetch_all):
            threading.Thread(target=work, daemon=True).start()

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

    def hurry(self):
        """Lets the client send within 1 ms what it would collect for 10 ms: we have collected already."""
        try:
            self.client.scheduler_comm.interval = 0.001
        except AttributeError:
            pass  # it would only be faster

    def teach(self):
        """Brings the source to the workers that there are, so that it need not travel with each call."""
        try:
            self.everywhere(WORKER_NAME, WORKER, "is_wanted")
            self.has_taught = True
        except Exception:
            pass  # it goes on travelling

    def is_there(self):
        return self.client.status == "running"

    def n_jobs(self):
        # Asked for now and then, whereby workers are noticed that come.
        threads = self.client.nthreads()
        self.all_are_near = all(map(self.is_near, threads))
        return sum(threads.values())

    def is_near(self, worker):
        if worker not in self.near and listens(worker, 1):
            self.near.add(worker)
        return worker in self.near

    def submit(self, calls, loops):
        calls = [as_text(call) for call in calls]
        options = {"pure": False, "retries": self.retries}
        if len(calls) == 1:  # which is faster than `map`
            return [self.client.submit(eval, *calls[0], key=f"on_worker-{uuid.uuid4()}", **options)]
        columns = zip(*calls)
        return self.client.map(eval, *columns, key="on_worker", batch_size=len(calls), **options)

    def when_done(self, future, action):
        ended = self.module.client.done_callback
        self.client.loop.add_callback(ended, future, lambda future: self.ended.put((future, action)))

    def fetch_all(self):
        """Fetches the results of whatever has ended since the last time, in one go."""
        while True:
            self.fetch([self.ended.get()])

    def fetch(self, ended):
        while not self.ended.empty():
            ended.append(self.ended.get())
        try:
            results = self.client.gather([future for future, _ in ended], direct=self.all_are_near)
        except BaseException:  # of one of them
            for future, action in ended:
                action(future)
            return
        for (_, action), result in zip(ended, results):
            action(Fetched(result))

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
