"""Spark."""

import concurrent.futures
import os
import re
import sys
import time
import uuid


class Spark(Engine):
    shares = True

    def __init__(self, location, options):
        self.module = pyspark = needed("pyspark", "pyspark")
        failures = 1 + int(options.pop("retries", 3))
        # A local master takes the number of failures from its name alone.
        master = re.sub(r"^local\[([0-9]+|\*)\]$", rf"local[\1,{failures}]", location)
        places = [f"spark://{place}" for place in location.removeprefix("spark://").split(",")]
        if location.startswith("spark://") and not any(map(listens, places)):
            raise Unusable(f"no master of Spark is reachable at `{location}`")
        conf = pyspark.SparkConf().setMaster(master).setAppName("joblib")
        conf.set("spark.ui.enabled", "false").set("spark.scheduler.mode", "FAIR")
        conf.set("spark.task.maxFailures", str(failures))
        # What is cancelled is looked for every 2 s, and then gets this long to end by itself.
        conf.set("spark.python.task.killTimeout", "100ms")
        for key, text in options.items():
            if key.startswith("spark."):
                conf.set(key, text)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        # A result is there several times over while Spark hands it on. Without memory, Spark would
        # go on and never answer.
        os.environ.setdefault("SPARK_DRIVER_MEMORY", "4g")
        end = "-XX:+ExitOnOutOfMemoryError"
        os.environ["SPARK_SUBMIT_OPTS"] = f"{os.environ.get('SPARK_SUBMIT_OPTS', '')} {end}"
        try:
            self.context = pyspark.SparkContext(conf=conf)
        except Exception as error:
            raise Unusable(f"Spark could not be started at `{location}`: {error}") from None
        self.context.setLogLevel("ERROR")
        self.executor = concurrent.futures.ThreadPoolExecutor(self.n_jobs() * 2)
        self.driver = getattr(self.context._gateway, "proc", None)
        self.groups = {}

    def is_there(self):
        return self.driver is None or self.driver.poll() is None

    def n_jobs(self):
        return self.context.defaultParallelism

    def submit(self, calls):
        futures = []
        for call in calls:
            group = uuid.uuid4().hex
            future = self.executor.submit(self.one, call, group)
            self.groups[future] = group
            future.add_done_callback(lambda future: self.groups.pop(future, None))
            futures.append(future)
        return futures

    def one(self, call, group):
        self.context.setJobGroup(group, "joblib")
        # Not `first()`: it ends the Python worker, and the Rust worker with it.
        # The call within the function: broadcasts are found there alone.
        return self.context.parallelize([0], 1).map(lambda _: on_worker(*call)).collect()[0]

    def cancel(self, future):
        group = self.groups.get(future)
        # More than once: its job may only be about to begin.
        while not future.cancel() and not future.done():
            self.context.cancelJobGroup(group)
            time.sleep(0.05)

    def everywhere(self, *call):
        pass

    def put(self, data):
        return self.context.broadcast(data)

    def drop(self, thing):
        thing.destroy()

    def close(self):
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.context.stop()

    def about(self):
        return f"Spark {self.module.__version__}"
