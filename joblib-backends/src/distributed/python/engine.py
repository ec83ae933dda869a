"""What the side process needs of an engine, and any executor as one."""

import concurrent.futures
import hashlib
import os
import platform
import socket
import sys
import urllib.parse
import uuid

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

# The same for executors that cannot pickle what lies in no file, and for those that pickle `eval` faster:
# all that travels is text.
ANYWHERE = "exec(definition, space) or space['on_worker'](*call)"
# And where an earlier call has made the module.
KNOWN = (
    "(lambda module: getattr(module, function)(*call) if module else bytes([4]) + bytes(36))"
    "(__import__('sys').modules.get(name))"
)


def as_text(call):
    """What `eval` needs to make a call of `on_worker`."""
    name, source, function, *arguments = call
    if source is None:
        return KNOWN, {"name": name, "function": function, "call": arguments}
    return ANYWHERE, {"definition": ON_WORKER, "space": {}, "call": call}


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

    #: The name by which workers know what is ours.
    program = uuid.uuid4().hex
    #: Bytes from which an argument travels beside the task.
    beside = 1 << 20
    #: Whether what runs can be stopped.
    kills = True
    #: Whether what `put` returns may be part of many calls without travelling with each.
    shares = False
    #: Whether what `keep` returns may be part of calls, which then get the results where these are.
    keeps = False
    #: Whether what was kept may be lost without `has` telling.
    forgets = False
    #: Whether the workers have the source of what runs there; those that have not say so.
    has_taught = False

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

    def submit(self, calls, loops):
        """One future for each of `calls`, which are the arguments of `on_worker`.

        `loops` are the numbers of the loops that they are part of, which end or are given up as a whole.
        """
        return [self.executor.submit(eval, *as_text(call)) for call in calls]

    def cancel(self, futures):
        for future in futures:
            future.cancel()

    def has(self, future):
        """Whether its result, if it `keeps` results, is there, or will be without our doing."""
        return future is not None

    def keep(self, calls):
        """What stands for the results of `calls`, which stay there as long as we have it."""
        return self.submit(calls, [0] * len(calls))

    def put(self, data):
        """Something that can stand for `data` among the arguments of a call."""
        return data

    def drop(self, thing):
        """Nobody needs any more what `put` returned."""

    def when_done(self, future, action):
        """Calls `action` with something that has the result of `future`, once that is there."""
        future.add_done_callback(action)

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


def listens(address, limit=5):
    """Whether somebody takes connections at `scheme://host:port`, within so many seconds."""
    try:
        place = urllib.parse.urlsplit(address)
        socket.create_connection((place.hostname, place.port), timeout=limit).close()
    except (OSError, ValueError):
        return False
    return True
