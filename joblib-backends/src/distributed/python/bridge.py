"""The side process: takes batches from its parent, a Rust program, and hands them to an engine.

Frames over stdin and stdout, little-endian: u64 bytes that follow the header | u8 kind | u64 id | payload.
ENGINES.md describes them. Whatever this process prints goes to stderr.
"""

import collections
import concurrent.futures
import hashlib
import os
import platform
import queue
import re
import socket
import struct
import sys
import threading
import time
import traceback
import urllib.parse
import uuid

HEAD = struct.Struct("<QBQ")
SUBMIT, CANCEL, CLOSE, PUT, DROP = range(1, 6)
READY, ANSWER, FAILED, BROKEN, N_JOBS = range(1, 6)
LEAVE_LIMIT = 20.0  # seconds for an engine to stop what runs when the parent has gone
MISSING = 4  # the status of an answer: the worker has not got what the batch refers to

WORKER = "@WORKER@"
WORKER_NAME = "_joblib_worker_" + hashlib.blake2b(WORKER.encode(), digest_size=8).hexdigest()


ON_WORKER = '''
def on_worker(name, source, function, *args):
    """Calls `function` of the module that `source` is, on a worker of the engine."""
    import sys
    import types

    module = sys.modules.get(name)
    if module is None:
        module = types.ModuleType(name)
        exec(compile(source, name, "exec"), module.__dict__)
        module = sys.modules.setdefault(name, module)
    return getattr(module, function)(*args)
'''
exec(ON_WORKER)

# The same for executors that cannot pickle what lies in no file: all that travels is text.
ANYWHERE = "exec(definition, space) or space['on_worker'](*call)"
# And where an earlier call has made the module.
KNOWN = "getattr(__import__('sys').modules[name], function)(*call)"


class Unusable(Exception):
    """What the user has to change before the engine can be used, in one line."""


def needed(module, install):
    """Imports what an engine needs from the user's Python."""
    try:
        return __import__(module, fromlist=["_"])
    except ImportError as error:
        raise Unusable(
            f"the module `{module}` cannot be imported by {sys.executable} (Python "
            f"{platform.python_version()}): {error}; `pip install {install}`, or choose another "
            "Python with JOBLIB_PYTHON"
        ) from None


class Engine:
    """Any `concurrent.futures.Executor`; subclasses use what their engine does better."""

    #: Bytes from which an argument travels beside the task.
    beside = 1 << 20
    #: Whether what runs can be stopped.
    kills = True
    #: Whether what `put` returns may be part of many calls without travelling with each.
    shares = False
    #: Whether futures may be part of calls, which then get their results where these are.
    keeps = False

    def __init__(self, location, options):
        module, _, factory = location.partition(":")
        if not factory:
            raise Unusable(f"`{location}` names no executor: write `python:module:factory`")
        self.workers = int(options.pop("n_jobs", 0))
        try:
            make = getattr(__import__(module, fromlist=["_"]), factory)
        except (ImportError, AttributeError) as error:
            raise Unusable(f"`{location}` is not to be had: {error}") from None
        options.pop("ship", None)
        self.executor = make(**{key: number(text) for key, text in options.items()})
        self.kills = isinstance(self.executor, concurrent.futures.ThreadPoolExecutor)
        self.shares = self.kills  # it has our memory
        self.client = module

    def n_jobs(self):
        for name in ("_max_workers", "num_workers", "max_workers"):
            workers = getattr(self.executor, name, None)
            if not self.workers and isinstance(workers, int):
                return workers
        return self.workers or os.cpu_count()

    def submit(self, calls):
        """One future for each of `calls`, which are the arguments of `on_worker`."""
        return [
            self.executor.submit(eval, ANYWHERE, {"definition": ON_WORKER, "space": {}, "call": call})
            for call in calls
        ]

    def cancel(self, future):
        future.cancel()

    def has(self, future):
        """Whether its result, if it `keeps` results, is there, or will be without our doing."""
        return future is not None

    def put(self, data):
        """Something that can stand for `data` among the arguments of a call."""
        return data

    def drop(self, thing):
        """Nobody needs any more what `put` returned."""

    def has_lost_data(self, error):
        """Whether a call failed with `error` because what was put is not there any more."""
        return False

    def everywhere(self, *call):
        """Makes `call` in every process that runs tasks, past the queue; is not waited for."""
        if self.kills:
            on_worker(*call)

    def is_there(self):
        """Whether the engine still answers; asked now and then."""
        return True

    def close(self):
        self.executor.shutdown(wait=False, cancel_futures=True)

    def about(self):
        return f"{self.client}"


def number(text):
    try:
        return int(text)
    except ValueError:
        return text


def listens(address):
    """Whether somebody takes connections at `scheme://host:port`."""
    try:
        place = urllib.parse.urlsplit(address)
        socket.create_connection((place.hostname, place.port), timeout=5).close()
    except (OSError, ValueError):
        return False
    return True


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


class Task:
    """A call for the engines of ipyparallel, and how often it may be repeated."""

    def __init__(self, call, retries):
        self.call = call
        self.retries = retries
        self.has_begun = False
        self.future = concurrent.futures.Future()

    def begins(self):
        """False if it was cancelled."""
        if not self.has_begun:
            self.has_begun = self.future.set_running_or_notify_cancel()
        return self.has_begun


class IPyParallel(Engine):
    # An engine reads no message while it runs a task, and a signal may strike whatever runs next.
    kills = False

    def __init__(self, location, options):
        self.module = needed("ipyparallel", "ipyparallel")
        arguments = {"timeout": float(options.get("timeout", 20))}
        if location.endswith(".json"):
            arguments["connection_info"] = location
        elif location:
            arguments["profile"] = location
        try:
            self.client = self.module.Client(**arguments)
        except Exception as error:
            raise Unusable(f"no IPython controller is reachable at `{location}`: {error}") from None
        self.patience = float(options.get("wait_for_workers", 10))
        try:
            self.client.wait_for_engines(1, timeout=self.patience)
        except Exception:
            raise Unusable(f"the controller of `{location}` has no engine: start `ipengine`") from None
        self.controller = self.client._config["registration"]
        self.turn_off_output()
        self.retries = int(options.get("retries", 3))
        self.lock = threading.RLock()
        self.last_seen = time.monotonic()
        self.waiting = collections.deque()
        self.busy = set()
        self.taught = set()

    def turn_off_output(self):
        """Engines tell each task's begin and end to every client that listens, and nobody here does."""
        try:
            import zmq

            client = self.client
            client._io_loop.add_callback(client._iopub_socket.setsockopt, zmq.UNSUBSCRIBE, b"")
        except (AttributeError, ImportError):
            pass  # it would only be faster

    def is_there(self):
        return listens(self.controller)

    def n_jobs(self):
        # Asked for now and then, whereby engines are noticed that came or left.
        self.hand_out()
        workers = len(self.client.ids)
        now = time.monotonic()
        self.last_seen = now if workers else self.last_seen
        if now - self.last_seen > self.patience:
            self.give_up()
        return workers

    def give_up(self):
        with self.lock:
            lost = [task for task in self.waiting if task.begins()]
            self.waiting.clear()
        for task in lost:
            task.future.set_exception(RuntimeError("the IPython cluster has no engine any more"))

    def submit(self, calls):
        # Not by the controller's scheduler, which takes longer for a call than engines do.
        tasks = [Task(call, self.retries) for call in calls]
        with self.lock:
            self.waiting.extend(tasks)
        self.hand_out()
        return [task.future for task in tasks]

    def hand_out(self):
        """Gives calls that wait to engines that have nothing to do."""
        with self.lock:
            while self.waiting:
                free = next((id for id in self.client.ids if id not in self.busy), None)
                if free is None:
                    return
                task = self.waiting.popleft()
                if task.begins():
                    self.busy.add(free)
                    self.give(task, free)

    def give(self, task, engine):
        code, space = ANYWHERE, {"definition": ON_WORKER, "space": {}, "call": task.call}
        if engine in self.taught:  # which has the module, so that its source need not travel
            name, _, function, *arguments = task.call
            code, space = KNOWN, {"name": name, "function": function, "call": arguments}
        try:
            result = self.client[engine].apply_async(eval, code, space)
        except Exception as error:  # it has left just now
            self.ended(task, engine, None, error, is_lost=True)
            return
        result.add_done_callback(lambda result: self.done(task, engine, result))

    def done(self, task, engine, result):
        answer = error = None
        try:
            answer = result.result()
        except BaseException as why:
            error = why
        # Its engine has died, or another one has its number.
        is_lost = getattr(error, "ename", None) in ("EngineError", "KeyError")
        with self.lock:
            self.client.purge_local_results(result)
            self.client.history.clear()
        self.ended(task, engine, answer, error, is_lost)

    def ended(self, task, engine, answer, error, is_lost):
        again = is_lost and task.retries > 0
        with self.lock:
            self.busy.discard(engine)
            (self.taught.add if error is None else self.taught.discard)(engine)
            if again:
                task.retries -= 1
                self.waiting.appendleft(task)
        self.hand_out()
        if error is None:
            task.future.set_result(answer)
        elif not again:
            task.future.set_exception(error)

    def close(self):
        self.client.close()

    def about(self):
        return f"ipyparallel {self.module.__version__}"


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

    def submit(self, calls):
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

    def cancel(self, future):
        ref = self.refs.pop(future, None)
        if ref is not None:
            self.module.cancel(ref, force=True)

    def everywhere(self, *call):
        pass

    def close(self):
        self.module.shutdown()

    def about(self):
        return f"Ray {self.module.__version__}"


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


ENGINES = {"dask": Dask, "ipyparallel": IPyParallel, "ray": Ray, "spark": Spark, "python": Engine}


class Blob:
    """Bytes that many batches refer to."""

    def __init__(self, data, engine):
        self.data = data
        self.thing = engine.put(data) if engine.shares else None
        self.has_travelled = False

    def source(self, whole):
        """Where a worker gets them from; `None` if it should have them from an earlier batch."""
        if whole or (self.thing is None and not self.has_travelled):
            self.has_travelled = True
            return self.data
        return self.thing


class Job:
    """A batch: what it refers to, and what goes to the worker."""

    def __init__(self, id, payload, blobs, kept):
        at = 0

        def take(form):
            nonlocal at
            (count,) = struct.unpack_from("<I", payload, at)
            taken = struct.unpack_from(f"<{count}{form}", payload, at + 4)
            at += 4 + struct.calcsize(f"<{count}{form}")
            return taken

        self.id = id
        # What is not there any more was of a call that is cancelled.
        self.blobs = [(id, blobs[id]) for id in take("Q") if id in blobs]
        #: Batches of which it needs results. As long as somebody may need its own, these can be
        #: made again if the engine loses them.
        self.inputs = [(id, kept[id]) for id in take("Q") if id in kept]
        #: The id under which its results are kept; 0: they are not.
        (self.keep,) = struct.unpack_from("<Q", payload, at)
        at += 8
        #: The tasks whose results do nothing but stay.
        self.silent = take("I")
        self.payload = payload[at:]
        #: Everything it refers to travels with it.
        self.whole = False
        #: What we wait for.
        self.future = None
        #: The answer with the results that stay.
        self.kept = None

    def futures(self):
        return [future for future in (self.future, self.kept) if future is not None]


class Bridge:
    """Between the parent's frames and the engine's futures."""

    def __init__(self, engine, cores, executable, identity, program, output):
        self.engine = engine
        self.client = uuid.uuid4().hex
        self.fixed = (self.client, cores, executable, identity)
        #: The executable, if it is shipped; its digest goes with each batch.
        self.program = None
        if program is not None:
            self.program = Blob(program, engine)
            self.digest = hashlib.blake2b(program, digest_size=16).hexdigest()
        self.output = output
        self.writing = threading.Lock()
        self.lock = threading.Lock()
        self.jobs = queue.SimpleQueue()
        self.blobs = {}
        self.kept = {}
        self.under_way = {}
        self.cancelled = set()
        self.stopping = []
        threading.Thread(target=self.submit_all, daemon=True).start()
        threading.Thread(target=self.watch, daemon=True).start()

    def send(self, kind, id, payload=b""):
        with self.writing:
            self.output.write(HEAD.pack(len(payload), kind, id))
            self.output.write(payload)
            self.output.flush()

    def read_all(self, source):
        """Serves the parent until it closes or ends."""
        while True:
            head = source.read(HEAD.size)
            if len(head) < HEAD.size:
                return
            length, kind, id = HEAD.unpack(head)
            if kind == CLOSE:
                return
            # Neither here nor below may a variable keep what was of the last one while we wait.
            self.take(kind, id, source.read(length))

    def take(self, kind, id, payload):
        if kind == SUBMIT:
            job = Job(id, payload, self.blobs, self.kept)
            if job.keep:
                self.kept[job.keep] = job
            self.jobs.put(job)
        elif kind == CANCEL:
            self.cancel(id, struct.unpack(f"<{len(payload) // 8}Q", payload))
        elif kind == PUT:
            blob = Blob(payload, self.engine)
            with self.lock:
                self.blobs[id] = blob
        elif kind == DROP:
            with self.lock:
                blob = self.blobs.pop(id, None)
            job = self.kept.pop(id, None)
            if job is not None:
                job.kept, job.keep = None, 0  # the engine lets go of it with its future
            if blob is not None and blob.thing is not None:
                self.engine.drop(blob.thing)
                blob.thing = None  # there may still be results that can be made again from it

    def submit_all(self):
        """Hands over whatever has come together since the last time, in one go."""
        while True:
            self.hand_over([self.jobs.get()])

    def hand_over(self, jobs):
        while not self.jobs.empty():
            jobs.append(self.jobs.get())
        with self.lock:
            jobs = [job for job in jobs if job.id not in self.cancelled]
            self.under_way.update((job.id, job) for job in jobs)
        try:
            futures = self.submit(jobs)
        except Exception as error:
            for job in jobs:
                self.send(FAILED, job.id, text_of(error))
            return
        for job, future in zip(jobs, futures):
            job.future = future
            with self.lock:
                is_cancelled = job.id in self.cancelled
            if is_cancelled:
                for each in job.futures():
                    self.engine.cancel(each)
            future.add_done_callback(lambda future, job=job: self.done(job, future))

    def submit(self, jobs):
        """What to wait for, for each of the jobs."""
        if not jobs:
            return []
        for job in jobs:
            self.restore(job)
        futures = self.engine.submit([self.call(job) for job in jobs])
        keeping = [at for at, job in enumerate(jobs) if job.keep]
        if keeping:
            for at in keeping:
                jobs[at].kept = futures[at]
            told = [(WORKER_NAME, WORKER, "brief", futures[at], jobs[at].silent) for at in keeping]
            for at, future in zip(keeping, self.engine.submit(told)):
                futures[at] = future
        return futures

    def restore(self, job):
        """Makes again what the job needs of other batches and the engine has lost."""
        lost, look = {}, [job]
        while look:
            for _, input in look.pop().inputs:
                if input.id not in lost and not self.engine.has(input.kept):
                    lost[input.id] = input
                    look.append(input)
        for _, input in sorted(lost.items()):  # what they need was there before them
            input.whole = True
            (input.kept,) = self.engine.submit([self.call(input)])

    def call(self, job):
        payload = job.payload
        if len(payload) > self.engine.beside:
            payload = self.engine.put(payload)
        with self.lock:
            shared = tuple((id, blob.source(job.whole)) for id, blob in job.blobs)
            alive = frozenset(self.blobs)
        results = tuple((id, input.kept) for id, input in job.inputs)
        fixed = (WORKER_NAME, WORKER, "run", *self.fixed)
        program = self.program and (self.digest, self.program.source(job.whole))
        return (*fixed, payload, program, shared, alive, results)

    def done(self, job, future):
        job.future = None
        with self.lock:
            self.under_way.pop(job.id, None)
            if job.id in self.cancelled:
                self.cancelled.discard(job.id)
                return
        try:
            answer = future.result()
        except BaseException as error:
            error.__traceback__ = None  # which refers to us, and to all that we refer to
            refers = job.blobs or job.inputs or self.program
            if refers and not job.whole and self.engine.has_lost_data(error):
                self.again(job)
            elif isinstance(error, concurrent.futures.CancelledError):
                self.send(FAILED, job.id, b"the engine cancelled the batch")
            else:
                self.send(FAILED, job.id, text_of(error))
            return
        if answer[0] == MISSING and not job.whole:
            self.again(job)
        elif answer[0] == MISSING:
            self.send(FAILED, job.id, b"a result that it needs was lost, and could not be made again")
        else:
            self.send(ANSWER, job.id, answer)

    def again(self, job):
        """Submits it once more, with everything it refers to."""
        job.whole = True
        self.jobs.put(job)

    def cancel(self, call, ids):
        with self.lock:
            self.cancelled.update(ids)
            jobs = [self.under_way.pop(id, None) for id in ids]
        futures = [future for job in jobs if job is not None for future in job.futures()]
        # Not on this thread: an engine may take its time. Also without futures: a batch may run
        # whose future is only being made.
        thread = threading.Thread(target=self.stop, args=(call, futures), daemon=True)
        thread.start()
        self.stopping = [old for old in self.stopping if old.is_alive()] + [thread]

    def stop(self, call, futures):
        """Cancels what waits in the engine, and kills what runs."""
        try:
            for future in futures:
                self.engine.cancel(future)
            self.engine.everywhere(WORKER_NAME, WORKER, "kill", self.client, call)
        except Exception as error:
            print(f"joblib: the engine could not cancel a call: {error}", file=sys.stderr)

    def stop_all(self):
        """Nobody takes answers any more."""
        for thread in self.stopping:
            thread.join()
        with self.lock:
            jobs = list(self.under_way.values())
            self.cancelled.update(job.id for job in jobs)
        if jobs:
            self.stop(2**64 - 1, [future for job in jobs for future in job.futures()])

    def watch(self):
        """Looks now and then whether the engine is there, and how many workers it has."""
        known = None
        missed = 0
        pause = threading.Event()
        while True:
            missed = 0 if self.engine.is_there() else missed + 1
            if missed == 3:
                self.send(BROKEN, 0, f"{self.engine.about()} does not answer any more".encode())
                os._exit(1)
            try:
                workers = self.engine.n_jobs()
            except Exception:
                workers = known
            if known is not None and workers != known:
                self.send(N_JOBS, workers)
            known = workers
            pause.wait(2.0)


def text_of(error):
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    return text.encode()


def streams():
    """stdin and stdout for frames alone: what the engine starts must not inherit them."""
    source, output = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return os.fdopen(source, "rb", buffering=1 << 16), os.fdopen(output, "wb", buffering=1 << 16)


def main():
    source, output = streams()
    kind, location, executable, identity, *options = sys.argv[1:]
    options = dict(option.split("=", 1) for option in options)
    cores = max(1, int(options.pop("cores", 1)))
    program = None
    if options.pop("ship", "false") == "true":
        with open(executable, "rb") as file:
            program = file.read()
    try:
        engine = ENGINES[kind](location, options)
        bridge = Bridge(engine, cores, executable, bytes.fromhex(identity), program, output)
        about = f"{engine.about()}, Python {platform.python_version()}"
        bridge.send(READY, max(1, engine.n_jobs()), bytes([engine.kills, engine.keeps]) + about.encode())
    except Exception as error:
        text = str(error).encode() if isinstance(error, Unusable) else text_of(error)
        output.write(HEAD.pack(len(text), BROKEN, 0) + text)
        output.flush()
        os._exit(1)
    try:
        bridge.read_all(source)
        threading.Timer(LEAVE_LIMIT, os._exit, [0]).start()
        bridge.stop_all()
        engine.close()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
