"""IPython parallel."""

import collections
import concurrent.futures
import threading
import time


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
