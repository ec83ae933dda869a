"""Ray."""


class Ray(Engine):
    shares = True
    keeps = True
    forgets = True

    def __init__(self, location, options):
        self.module = ray = needed("ray", "ray")
        direct = options.get("client") != "true" and not location.endswith(":10001")
        address = location if direct else f"ray://{location}"
        if ":" in location and not listens(f"ray://{location}"):  # Ray would try for minutes
            raise Unusable(f"no Ray cluster is reachable at `{location}`")
        try:
            ray.init(address=address or "auto", logging_level="ERROR", log_to_driver=True)
        except Exception as error:
            raise Unusable(f"no Ray cluster is reachable at `{location}`: {error}") from None
        self.address = f"ray://{location}" if ":" in location else None
        self.remote = ray.remote(on_worker).options(max_retries=int(options.get("retries", 3)))

    def is_there(self):
        return self.address is None or listens(self.address)

    def n_jobs(self):
        return max(1, int(self.module.cluster_resources().get("CPU", 1)))

    def submit(self, calls, loops):
        return [self.future_of(ref) for ref in self.keep(calls)]

    def future_of(self, ref):
        future = ref.future()
        future.ref = ref
        return future

    def keep(self, calls):
        return [self.remote.remote(*call) for call in calls]

    def has_lost_data(self, error):
        return isinstance(error, self.module.exceptions.ObjectLostError)

    def put(self, data):
        return self.module.put(data)

    def cancel(self, futures):
        for future in futures:
            self.module.cancel(getattr(future, "ref", future), force=True)

    def everywhere(self, *call):
        pass

    def close(self):
        self.module.shutdown()

    def about(self):
        return f"Ray {self.module.__version__}"
