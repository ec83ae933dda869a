"""Spark."""

import collections
import concurrent.futures
import itertools
import os
import re
import sys
import threading
import time
import uuid


class Call:
    """A call for Spark, and what becomes of it."""

    numbers = itertools.count()

    def __init__(self, call, loop):
        self.call = call
        self.loop = loop
        self.number = next(self.numbers)
        payload, _, shared, _, _ = call[-5:]
        parts = [payload, *(source for _, source in shared)]
        self.size = sum(len(part) for part in parts if isinstance(part, bytes))
        self.future = concurrent.futures.Future()
        self.has_begun = False
        #: The group of the job that it is part of.
        self.group = ""
        self.is_given_up = False

    def begins(self):
        """False if it was cancelled."""
        if not self.has_begun:
            self.has_begun = self.future.set_running_or_notify_cancel()
        return self.has_begun


class Landing:
    """Where answers arrive that tasks add to an accumulator. On workers it is one that only collects."""

    def __init__(self, action):
        self.action = action

    def __reduce__(self):
        from pyspark.accumulators import AddingAccumulatorParam

        return AddingAccumulatorParam, ((),)

    def zero(self, value):
        return ()

    def addInPlace(self, value, answers):
        for number, answer in answers:
            self.action(number, answer)
        return ()


class Spark(Engine):
    shares = True
    #: Most calls of one job, and bytes of them, since each of its tasks gets those of all.
    many, much = 100, 1 << 20
    #: Bytes from which an answer comes when its job ends, because it would hold up the scheduler.
    large = 1 << 20

    def __init__(self, location, options):
        self.module = pyspark = needed("pyspark", "pyspark")
        failures = 1 + int(options.pop("retries", 3))
        # A local master takes the number of failures from its name alone.
        master = re.sub(r"^local\[([0-9]+|\*)\]$", rf"local[\1,{failures}]", location)
        places = [f"spark://{place}" for place in location.removeprefix("spark://").split(",")]
        if location.startswith("spark://") and not any(map(listens, places)):
            raise Unusable(f"no master of Spark is reachable at `{location}`")
        conf = pyspark.SparkConf().setMaster(master).setAppName("joblib")
        conf.set("spark.ui.enabled", "false").set("spark.ui.showConsoleProgress", "false")
        conf.set("spark.scheduler.mode", "FAIR")
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
        self.lock = threading.Lock()
        self.waiting = collections.deque()
        self.running = {}
        self.futures = {}
        #: Loops whose calls are jobs of their own. Where nothing may run twice, all are: a call that
        #: fails ends its job.
        self.alone = set()
        self.is_repeatable = failures > 1
        self.answers = self.context.accumulator((), Landing(self.landed))

    def is_there(self):
        return self.driver is None or self.driver.poll() is None

    def n_jobs(self):
        return self.context.defaultParallelism

    def submit(self, calls, loops):
        calls = [Call(call, loop) for call, loop in zip(calls, loops)]
        with self.lock:
            self.waiting.extend(calls)
        for call in calls:
            self.futures[call.future] = call
            call.future.add_done_callback(lambda future: self.futures.pop(future, None))
            self.executor.submit(self.run_some)
        return [call.future for call in calls]

    def run_some(self):
        """Runs as one job, which costs as much as a job of one call, what waits of a loop."""
        with self.lock:
            calls = self.take()
        if len(calls) == 1:
            self.run_one(*calls)
        elif calls:
            self.run_many(calls)

    def take(self):
        calls, size = [], 0
        while self.waiting and len(calls) < self.many:
            call = self.waiting[0]
            size += call.size
            alone = call.loop in self.alone or not self.is_repeatable
            if calls and (alone or call.loop != calls[0].loop or size > self.much):
                break
            self.waiting.popleft()
            if call.begins():
                calls.append(call)
        return calls

    def run_one(self, call):
        try:
            (answer,) = self.job([call], lambda call, _: on_worker(*call))
            call.future.set_result(answer)
        except BaseException as error:
            call.future.set_exception(error)

    def run_many(self, calls):
        answers, large = self.answers, self.large

        def run(call, number):
            answer = on_worker(*call)
            if len(answer) >= large:
                return answer
            answers.add(((number, answer),))

        self.running.update((call.number, call) for call in calls)
        results = [None] * len(calls)
        try:
            results = self.job(calls, run)
        except BaseException:
            pass  # those without an answer say what it was
        for call, result in zip(calls, results):
            if result is not None:
                self.landed(call.number, result)
        self.run_again([call for call in calls if self.running.pop(call.number, None)])
        if any(result is not None for result in results):
            self.alone.add(calls[0].loop)  # large answers should not wait for each other

    def job(self, calls, function):
        """What `function` returns for each of the calls and its number."""
        group = uuid.uuid4().hex
        for call in calls:
            call.group = group
        self.context.setJobGroup(group, "joblib")
        arguments = [(call.call, call.number) for call in calls]
        places = self.context.parallelize(range(len(calls)), len(calls))
        # Not `first()`: it ends the Python worker, and the Rust worker with it.
        # The calls within the function: broadcasts are found there alone.
        return places.map(lambda at: function(*arguments[at])).collect()

    def run_again(self, calls):
        """Runs alone what got no answer, because another call ended the job."""
        for call in calls:
            if call.is_given_up:
                call.future.set_exception(concurrent.futures.CancelledError())
                continue
            self.alone.add(call.loop)
            with self.lock:
                self.waiting.append(call)
            self.executor.submit(self.run_some)

    def landed(self, number, answer):
        call = self.running.pop(number, None)
        if call is not None:
            call.future.set_result(answer)

    def cancel(self, futures):
        calls = [call for call in map(self.futures.get, futures) if call is not None]
        for call in calls:
            call.is_given_up = True
        for call in calls:
            # More than once: its job may only be about to begin.
            while not call.future.cancel() and not call.future.done():
                self.context.cancelJobGroup(call.group)
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
