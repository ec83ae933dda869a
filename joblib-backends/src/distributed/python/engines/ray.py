"""Ray."""


class Ray(Engine):
    shares = True

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
        self.refs = {}

    def is_there(self):
        return self.address is None or listens(self.address)

    def n_jobs(self):
        return max(1, int(self.module.cluster_resources().get("CPU", 1)))

    def submit(self, calls, loops):
        futures = []
        for call in calls:
            ref = self.remote.remote(*call)
            future = ref.future()
            self.refs[future] = ref
            future.add_done_callback(lambda future: self.refs.pop(future, None))
            futures.append(future)
        return futures

    def put(self, data):
        return self.module.put(data)

    def cancel(self, futures):
        for future in futures:
            ref = self.refs.pop(future, None)
            if ref is not None:
                self.module.cancel(ref, force=True)

    def everywhere(self, *call):
        pass

    def close(self):
        self.module.shutdown()

    def about(self):
        return f"Ray {self.module.__version__}"
