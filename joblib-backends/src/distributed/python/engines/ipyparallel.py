"""IPython parallel."""

import collections
import concurrent.futures
import threading
import time


class Task:
    """A call for the engines of ipyparallel, and how often it may be repeated."""

    def __init__(self, call, loop, retries):
        self.call = call
        self.loop = loop
        self.retries = retries
        self.has_begun = False
        #: The engine that has it.
        self.engine = None
        self.future = concurrent.futures.Future()
        self.future.task = self

    def begins(self):
        """False if it was cancelled."""
        if not self.has_begun:
            self.has_begun = self.future.set_running_or_notify_cancel()
        return self.has_begun


class IPyParallel(Engine):
    # Each engine gets the source before its first batch.
    has_taught = True
    #: Seconds below which tasks are worth being sent together, since a message takes longer; and how many.
    short, many = 0.002, 4

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
        #: Engines that have something of ours, and how many things.
        self.busy = collections.Counter()
        #: Those that know what to do, and the signal that ends what they run for us; 0: none does.
        self.signals = {}
        #: How many seconds a task of the loop takes of which one ended last.
        self.lengths = {}
        self.kills = self.takes_signals()

    def turn_off_output(self):
        """Engines tell each task's begin and end to every client that listens, and nobody here does."""
        try:
            import zmq

            client = self.client
            client._io_loop.add_callback(client._iopub_socket.setsockopt, zmq.UNSUBSCRIBE, b"")
        except (AttributeError, ImportError):
            pass  # it would only be faster

    def takes_signals(self):
        """Whether signals reach engines that run something: by a process beside each, its nanny."""
        try:
            sent = self.client.send_signal(0, self.client.ids, block=False)
            return all(answer["content"]["status"] == "ok" for answer in sent.result(timeout=5))
        except Exception:
            return False

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

    def submit(self, calls, loops):
        # Not by the controller's scheduler, which takes longer for a call than engines do.
        tasks = [Task(call, loop, self.retries) for call, loop in zip(calls, loops)]
        with self.lock:
            self.waiting.extend(tasks)
        self.hand_out()
        return [task.future for task in tasks]

    def hand_out(self):
        """Gives calls that wait to engines that have nothing to do."""
        with self.lock:
            ids = self.client.ids
            for gone in self.signals.keys() - set(ids):
                del self.signals[gone]
            free = [id for id in ids if not self.busy[id]]
            for engine in [id for id in free if id not in self.signals]:
                self.teach(engine)
            free = [id for id in free if not self.busy[id]]
            while self.waiting and free:
                tasks = self.take(min(self.many, -(-len(self.waiting) // len(free))))
                if tasks:
                    self.give(tasks, free.pop())

    def take(self, most):
        """What to give to one engine: a task, or some of a loop that are over in no time, as far as we know."""
        tasks = []
        while self.waiting and len(tasks) < most:
            task = self.waiting[0]
            if tasks and (task.loop != tasks[0].loop or self.lengths.get(task.loop, 1) > self.short):
                break
            self.waiting.popleft()
            if task.begins():
                tasks.append(task)
        return tasks

    def teach(self, engine):
        """Brings the source to an engine, and asks for a signal that is ours alone."""
        self.busy[engine] += 1
        call = (WORKER_NAME, WORKER, "heed", self.program)

        def done(signal, error):
            self.signals[engine] = signal or 0

        self.call(engine, call, done)

    def give(self, tasks, engine):
        self.busy[engine] += 1
        for task in tasks:
            task.engine = engine
        calls = [task.call for task in tasks]
        name, source, *_ = calls[0]
        call = (name, source, "run_all", [arguments for _, _, _, *arguments in calls])
        self.call(engine, call, lambda answer, error: self.done(tasks, answer, error))

    def call(self, engine, call, action):
        """Has the engine make a call, and calls `action` with its result or its error."""
        try:
            result = self.client[engine].apply_async(eval, *as_text(call))
        except Exception as error:  # it has left just now
            action(None, error)
            self.release(engine)
            return

        def done(result):
            answer = error = None
            try:
                answer = result.result()
            except BaseException as why:
                error = why
            with self.lock:
                self.client.purge_local_results(result)
                self.client.history.clear()
            action(answer, error)
            self.release(engine)

        result.add_done_callback(done)

    def release(self, engine):
        with self.lock:
            self.busy[engine] -= 1
        self.hand_out()

    def done(self, tasks, result, error):
        again = [task for task in tasks if is_loss(error) and task.retries > 0]
        with self.lock:
            for task in tasks:
                task.engine = None
            for task in reversed(again):
                task.retries -= 1
                self.waiting.appendleft(task)
            if error is None and isinstance(result, bytes):  # the engine has not got the source
                seconds, answers = 1, [result] * len(tasks)
            elif error is None:
                seconds, answers = result
            if error is None:
                self.lengths = {tasks[0].loop: seconds / len(tasks)}
        if error is not None:
            for task in tasks:
                if task not in again:
                    task.future.set_exception(error)
            return
        for task, answer in zip(tasks, answers):
            task.future.set_result(answer)

    def cancel(self, futures):
        """Drops what waits, and sends the signal to the engines that run the others.

        They get nothing else of ours until the signal has arrived, which thus strikes nothing else.
        """
        with self.lock:
            tasks = [future.task for future in futures if not future.cancel()]
            for task in tasks:
                task.retries = 0
            lost = [task for task in tasks if task in self.waiting]
            engines = {task.engine for task in tasks} - {None}
            sent = [self.signal(engine) for engine in engines if self.signals.get(engine)]
            for task in lost:
                self.waiting.remove(task)
        for task in lost:
            task.future.set_exception(concurrent.futures.CancelledError())
        concurrent.futures.wait([future for future in sent if future is not None], timeout=5)

    def signal(self, engine):
        try:
            sent = self.client.send_signal(self.signals[engine], engine, block=False)
        except Exception:  # it has left just now
            return None
        self.busy[engine] += 1
        sent.add_done_callback(lambda _: self.release(engine))
        return sent

    def everywhere(self, *call):
        pass

    def close(self):
        self.client.close()

    def about(self):
        return f"ipyparallel {self.module.__version__}"


def is_loss(error):
    """Whether it says that the engine has died, or that another one has its number."""
    return getattr(error, "ename", None) in ("EngineError", "KeyError")
