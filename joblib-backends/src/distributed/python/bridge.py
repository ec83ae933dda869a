"""The side process: takes batches from its parent, a Rust program, and hands them to an engine.

Frames over stdin and stdout, little-endian: u64 bytes that follow the header | u8 kind | u64 id | payload.
ENGINES.md describes them. Whatever this process prints goes to stderr.
"""

import concurrent.futures
import hashlib
import os
import platform
import queue
import struct
import sys
import threading
import traceback
import uuid

HEAD = struct.Struct("<QBQ")
SUBMIT, CANCEL, CLOSE, PUT, DROP = range(1, 6)
READY, ANSWER, FAILED, BROKEN, N_JOBS = range(1, 6)

WORKER = "@WORKER@"
WORKER_NAME = "_joblib_worker_" + hashlib.blake2b(WORKER.encode(), digest_size=8).hexdigest()


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
        self.client = module

    def n_jobs(self):
        for name in ("_max_workers", "num_workers", "max_workers"):
            workers = getattr(self.executor, name, None)
            if not self.workers and isinstance(workers, int):
                return workers
        return self.workers or os.cpu_count()

    def submit(self, calls):
        """One future for each of `calls`, which are the arguments of `on_worker`."""
        return [self.executor.submit(on_worker, *call) for call in calls]

    def cancel(self, future):
        future.cancel()

    def put(self, data):
        """Something that can stand for `data` among the arguments of a call."""
        return data

    def everywhere(self, *call):
        """Makes `call` in every process that runs tasks, past the queue; is not waited for."""
        if self.kills:
            on_worker(*call)

    def close(self):
        self.executor.shutdown(wait=False, cancel_futures=True)

    def about(self):
        return f"{self.client}"


def number(text):
    try:
        return int(text)
    except ValueError:
        return text


class Dask(Engine):
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
        except (OSError, TimeoutError) as error:
            raise Unusable(f"no Dask scheduler answers at `{location}`: {error}") from None
        self.module = distributed
        wait = float(options.get("wait_for_workers", 10))
        try:
            self.client.wait_for_workers(1, timeout=wait)
        except TimeoutError:
            raise Unusable(
                f"the Dask scheduler at `{location}` got no worker within {wait:g} s: start one "
                "with `dask worker`"
            ) from None

    def n_jobs(self):
        return sum(self.client.nthreads().values())

    def submit(self, calls):
        columns = list(zip(*calls))
        return self.client.map(
            on_worker, *columns, pure=False, retries=self.retries, batch_size=len(calls)
        )

    def put(self, data):
        return self.client.scatter(data, hash=False)

    def everywhere(self, *call):
        self.client.run(on_worker, *call, on_error="ignore")

    def close(self):
        self.client.close(timeout=2)

    def about(self):
        return f"Dask {self.module.__version__}"


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
        try:
            self.client.wait_for_engines(1, timeout=float(options.get("wait_for_workers", 10)))
        except Exception:
            raise Unusable(f"the controller of `{location}` has no engine: start `ipengine`") from None
        self.view = self.client.load_balanced_view()
        self.view.retries = int(options.get("retries", 3))

    def n_jobs(self):
        return len(self.client.ids)

    def submit(self, calls):
        return [self.view.apply_async(on_worker, *call) for call in calls]

    def close(self):
        self.client.close()

    def about(self):
        return f"ipyparallel {self.module.__version__}"


class Ray(Engine):
    def __init__(self, location, options):
        self.module = ray = needed("ray", "ray")
        direct = options.get("client") != "true" and not location.endswith(":10001")
        address = location if direct else f"ray://{location}"
        try:
            ray.init(address=address or "auto", logging_level="ERROR", log_to_driver=True)
        except Exception as error:
            raise Unusable(f"no Ray cluster is reachable at `{location}`: {error}") from None
        self.remote = ray.remote(on_worker).options(max_retries=int(options.get("retries", 3)))
        self.refs = {}

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
    kills = False

    def __init__(self, location, options):
        self.module = pyspark = needed("pyspark", "pyspark")
        conf = pyspark.SparkConf().setMaster(location).setAppName("joblib")
        conf.set("spark.ui.enabled", "false").set("spark.scheduler.mode", "FAIR")
        conf.set("spark.task.maxFailures", str(1 + int(options.pop("retries", 3))))
        for key, text in options.items():
            if key.startswith("spark."):
                conf.set(key, text)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        try:
            self.context = pyspark.SparkContext(conf=conf)
        except Exception as error:
            raise Unusable(f"Spark could not be started at `{location}`: {error}") from None
        self.context.setLogLevel("ERROR")
        self.executor = concurrent.futures.ThreadPoolExecutor(self.n_jobs() * 2)

    def n_jobs(self):
        return self.context.defaultParallelism

    def submit(self, calls):
        return [self.executor.submit(self.one, call) for call in calls]

    def one(self, call):
        # Not `first()`: it ends the Python worker, and the Rust worker with it.
        return self.context.parallelize([call], 1).map(lambda call: on_worker(*call)).collect()[0]

    def close(self):
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.context.stop()

    def about(self):
        return f"Spark {self.module.__version__}"


ENGINES = {"dask": Dask, "ipyparallel": IPyParallel, "ray": Ray, "spark": Spark, "python": Engine}


class Bridge:
    """Between the parent's frames and the engine's futures."""

    def __init__(self, engine, cores, executable, identity, program, output):
        self.engine = engine
        self.client = uuid.uuid4().hex
        self.fixed = (self.client, cores, executable, identity)
        self.program = engine.put(program) if program is not None else None
        self.output = output
        self.writing = threading.Lock()
        self.lock = threading.Lock()
        self.jobs = queue.SimpleQueue()
        self.blobs = {}
        self.futures = {}
        self.cancelled = set()
        self.stopping = None
        threading.Thread(target=self.submit_all, daemon=True).start()
        threading.Thread(target=self.watch_n_jobs, daemon=True).start()

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
            payload = source.read(length)
            if kind == SUBMIT:
                self.jobs.put((id, payload))
            elif kind == CANCEL:
                self.cancel(id, struct.unpack(f"<{length // 8}Q", payload))
            elif kind == PUT:
                self.blobs[id] = self.engine.put(payload)
            elif kind == DROP:
                self.blobs.pop(id, None)
            elif kind == CLOSE:
                return

    def submit_all(self):
        """Hands over whatever has come together since the last time, in one go."""
        while True:
            jobs = [self.jobs.get()]
            while not self.jobs.empty():
                jobs.append(self.jobs.get())
            with self.lock:
                jobs = [job for job in jobs if job[0] not in self.cancelled]
            try:
                futures = self.engine.submit([self.call(payload) for _, payload in jobs]) if jobs else []
            except Exception as error:
                for id, _ in jobs:
                    self.send(FAILED, id, text_of(error))
                continue
            for (id, _), future in zip(jobs, futures):
                with self.lock:
                    self.futures[id] = future
                future.add_done_callback(lambda future, id=id: self.done(id, future))

    def call(self, payload):
        if len(payload) > self.engine.beside:
            payload = self.engine.put(payload)
        return (WORKER_NAME, WORKER, "run", *self.fixed, payload, self.program)

    def done(self, id, future):
        with self.lock:
            self.futures.pop(id, None)
            if id in self.cancelled:
                self.cancelled.discard(id)
                return
        try:
            self.send(ANSWER, id, future.result())
        except concurrent.futures.CancelledError:
            self.send(FAILED, id, b"the engine cancelled the batch")
        except BaseException as error:
            self.send(FAILED, id, text_of(error))

    def cancel(self, call, ids):
        with self.lock:
            self.cancelled.update(ids)
            futures = [self.futures.pop(id, None) for id in ids]
        futures = [future for future in futures if future is not None]
        # Not on this thread: an engine may take its time.
        if futures:
            self.stopping = threading.Thread(target=self.stop, args=(call, futures), daemon=True)
            self.stopping.start()

    def stop(self, call, futures):
        """Cancels what waits in the engine, and kills what runs."""
        try:
            for future in futures:
                self.engine.cancel(future)
            self.engine.everywhere(WORKER_NAME, WORKER, "kill", self.client, call)
        except Exception as error:
            print(f"joblib: the engine could not cancel a call: {error}", file=sys.stderr)

    def watch_n_jobs(self):
        known = None
        pause = threading.Event()
        while True:
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
        bridge.send(READY, max(1, engine.n_jobs()), bytes([engine.kills]) + about.encode())
    except Unusable as error:
        text = str(error).encode()
        output.write(HEAD.pack(len(text), BROKEN, 0) + text)
        output.flush()
        os._exit(1)
    try:
        bridge.read_all(source)
        threading.Timer(5.0, os._exit, [0]).start()
        if bridge.stopping is not None:
            bridge.stopping.join()
        engine.close()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
