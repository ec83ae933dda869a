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
import time
import traceback

HEAD = struct.Struct("<QBQ")
SUBMIT, CANCEL, CLOSE, PUT, DROP = range(1, 6)
READY, ANSWER, FAILED, BROKEN, N_JOBS = range(1, 6)
LEAVE_LIMIT = 20.0  # seconds for an engine to stop what runs when the parent has gone
MISSING = 4  # the status of an answer: the worker has not got what the batch refers to


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
        (self.loop,) = struct.unpack_from("<24xQ", self.payload)
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
        self.client = engine.program
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
                self.engine.cancel(job.futures())
            self.engine.when_done(future, lambda future, job=job: self.done(job, future))

    def submit(self, jobs):
        """What to wait for, for each of the jobs."""
        if not jobs:
            return []
        for job in jobs:
            self.restore(job)
        keeping = [job for job in jobs if job.keep]
        if keeping:
            for job, kept in zip(keeping, self.engine.keep([self.call(job) for job in keeping])):
                job.kept = kept
        calls = [self.brief(job) if job.keep else self.call(job) for job in jobs]
        return self.engine.submit(calls, [job.loop for job in jobs])

    def brief(self, job):
        return (WORKER_NAME, WORKER, "brief", job.kept, job.silent)

    def restore(self, job):
        """Makes again what the job needs of other batches and the engine has lost."""
        lost, look = {}, [job]
        while look:
            needing = look.pop()
            for _, input in needing.inputs:
                is_there = self.engine.has(input.kept) and not (needing.whole and self.engine.forgets)
                if input.id not in lost and not is_there:
                    lost[input.id] = input
                    look.append(input)
        for _, input in sorted(lost.items()):  # what they need was there before them
            input.whole = True
            (input.kept,) = self.engine.keep([self.call(input)])

    def call(self, job):
        payload = job.payload
        if len(payload) > self.engine.beside:
            payload = self.engine.put(payload)
        with self.lock:
            shared = tuple((id, blob.source(job.whole)) for id, blob in job.blobs)
            alive = frozenset(self.blobs)
        results = tuple((id, input.kept) for id, input in job.inputs)
        source = None if self.engine.has_taught and not job.whole else WORKER
        fixed = (WORKER_NAME, source, "run", *self.fixed)
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
            self.engine.cancel(futures)
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
            if missed == 0:  # Ray would wait for its head for a minute
                known = self.count(known)
            pause.wait(2.0)

    def count(self, known):
        """Tells how many workers there are, if these are not as many as were known."""
        try:
            workers = self.engine.n_jobs()
        except Exception:
            return known
        if known is not None and workers != known:
            self.send(N_JOBS, workers)
        return workers


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
