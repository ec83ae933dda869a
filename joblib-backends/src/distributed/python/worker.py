"""What runs on the engine's workers: feeds Rust workers, one per task of the engine at a time.

A Rust worker is the user's own executable, started with an invitation to become a worker instead of
running `main`. It speaks what WORKERS.md describes; this module is the parent's side of it, for one
batch at a time. It is made by `exec` from its source, under a name that holds the source's hash, so
that a worker of the engine that lives on never keeps an old version.

Nothing raised here would be understood at the other end: what happened is told in the answer.
"""

import collections
import hashlib
import os
import select
import socket
import struct
import subprocess
import tempfile
import threading
import time

PAGE = 4096 + 65536
WORDS = struct.Struct("<QQQQQQQ")  # batch and 1 + task begun last, when, journal, claims, peak memory
CLAIMS = 32
HANDSHAKE = 24
START_LIMIT = 60.0

JOB = struct.Struct("<QQQQI")  # function, fingerprint, limit in ns, call, length of the end mark
BATCH = struct.Struct("<QQQQQQ")  # bytes that follow, number, function, fingerprint, and how arrays travel
WHOLE = (2**64 - 1, 2)  # within their values: nobody here could look into shared memory
ANSWER = struct.Struct("<BiIQIQII")  # status, return code, pid, since, 1 + task, peak memory, prints to 1 and 2

DONE, DIED, TIMED_OUT, NO_START = range(4)

lock = threading.Lock()
idle = []
running = set()
killed = collections.deque(maxlen=1000)


def run(client, cores, executable, identity, job, program=None):
    """Runs one batch and returns an answer.

    `client` tells the calls of one program from those of others; `cores` is how many each worker may
    use; `program` is the executable's content if it has to be shipped.
    """
    job = memoryview(job)
    function, fingerprint, limit, call, end_len = JOB.unpack_from(job)
    batch = job[JOB.size :]
    end = bytes(batch[len(batch) - end_len :])
    call = (client, call)
    try:
        child = take((executable, identity, cores), program, call)
    except CannotStart as error:
        return ANSWER.pack(NO_START, *[0] * 7) + str(error).encode()
    reusable = False
    try:
        status, answers = child.run(function, fingerprint, limit, batch, end)
        answer = child.answer(status, answers)
        reusable = status == DONE
    finally:  # also after a KeyboardInterrupt, which is how some engines stop what runs
        give_back(child, reusable)
    return answer


def kill(client, call):
    """Kills what runs for that call; its batches end at once."""
    call = (client, call)
    with lock:  # held, so that no victim becomes another call's worker meanwhile
        killed.append(call)
        for child in running:
            if child.call == call:
                child.killed = True
                child.process.kill()


def take(build, program, call):
    """A worker of that build, for one batch of `call`."""
    with lock:
        same = [child for child in idle if child.build == build]
        for child in same:
            idle.remove(child)
            if child.process.poll() is None:
                use(child, call)
                return child
            child.close()
    child = Child(build, shipped(program) if program is not None else build[0])
    with lock:
        use(child, call)
    return child


def use(child, call):
    child.call = call
    running.add(child)
    if call in killed:  # before there was anything to kill
        child.killed = True
        child.process.kill()


def give_back(child, reusable):
    with lock:
        running.discard(child)
        reusable = reusable and not child.killed
        if reusable:
            idle.append(child)
    if not reusable:
        child.close()


def shipped(program):
    """A file with the content `program`, written once for all workers of this machine."""
    digest = hashlib.blake2b(program, digest_size=16).hexdigest()
    folder = os.path.join(tempfile.gettempdir(), f"joblib-rust-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if os.stat(folder).st_uid != os.getuid():
        raise CannotStart(f"`{folder}` belongs to somebody else")
    path = os.path.join(folder, digest)
    if not os.path.exists(path):
        file, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(file, "wb") as file:
            file.write(program)
        os.chmod(temporary, 0o700)
        os.replace(temporary, path)
    return path


class CannotStart(Exception):
    pass


class Child:
    """One Rust worker."""

    def __init__(self, build, executable):
        self.build = build
        _, self.identity, cores = build
        self.batch = 0
        self.call = None
        self.killed = False
        self.page = os.memfd_create("joblib-page")
        os.truncate(self.page, PAGE)
        near, far = socket.socketpair()
        self.socket = near
        self.prints = [tempfile.TemporaryFile("ab+") for _ in range(2)]
        environment = dict(os.environ, JOBLIB_WORKER=f"{os.getpid()}:{self.page}:{cores}:0")
        try:
            self.process = subprocess.Popen(
                [executable], stdin=far, stdout=self.prints[0], stderr=self.prints[1],
                env=environment, close_fds=True,
            )
        except OSError as error:
            self.release()
            raise CannotStart(
                f"`{executable}` could not be started on {socket.gethostname()}: {error.strerror} "
                "(it must lie at the same path on every machine; or add `?ship=true` to the "
                "address)"
            ) from None
        finally:
            far.close()
        self.greet(executable)

    def greet(self, executable):
        near = self.socket
        near.settimeout(START_LIMIT)
        greeting = b""
        try:
            while len(greeting) < HANDSHAKE:
                more = near.recv(HANDSHAKE - len(greeting))
                if not more:
                    break
                greeting += more
        except OSError:
            pass
        near.settimeout(None)
        if greeting == self.identity:
            return
        self.process.kill()
        code = self.process.wait()
        said = self.printed(1).decode(errors="replace").strip()
        self.close()
        if len(greeting) == HANDSHAKE:
            raise CannotStart(
                f"`{executable}` on {socket.gethostname()} is another build than the one that "
                "asks: copy it there, or add `?ship=true` to the address"
            )
        ending = f"return code {code}" + (f", `{said}`" if said else "")
        raise CannotStart(f"`{executable}` on {socket.gethostname()} did not greet: {ending}")

    def run(self, function, fingerprint, limit, batch, end):
        """The status, and the bytes that came as answers."""
        self.batch += 1
        claim = CLAIMS + 8 * (self.batch % 2)
        os.pwrite(self.page, struct.pack("<Q", self.batch * 2), claim)
        begin = time.monotonic_ns()
        answers = bytearray()
        try:
            self.socket.sendall(BATCH.pack(len(batch), self.batch, function, fingerprint, *WHOLE))
            self.socket.sendall(batch)
            while not answers.endswith(end):
                if limit and not self.readable(limit, begin):
                    self.process.kill()
                    return TIMED_OUT, answers
                more = self.socket.recv(1 << 20)
                if not more:
                    return DIED, answers
                answers += more
        except OSError:
            return DIED, answers
        del answers[len(answers) - len(end) :]
        return DONE, answers

    def readable(self, limit, begin):
        """Waits for bytes; false when one task takes longer than `limit`."""
        while True:
            batch, _, since, *_ = WORDS.unpack(os.pread(self.page, WORDS.size, 0))
            since = since if batch == self.batch else begin
            left = limit - (time.monotonic_ns() - since)
            if left <= 0:
                return False
            if select.select([self.socket], [], [], left / 1e9)[0]:
                return True

    def answer(self, status, answers):
        code = task = since = peak = 0
        if status != DONE:
            self.process.kill()
            code = self.process.wait()
            batch, task, since, used, _, _, peak = WORDS.unpack(os.pread(self.page, WORDS.size, 0))
            if batch != self.batch:
                task = 0
            since = max(0, time.monotonic_ns() - since)
            answers = self.whole_records(answers) + os.pread(self.page, min(used, 65536), 4096)
        out, err = self.printed(0), self.printed(1)
        head = ANSWER.pack(status, code, self.process.pid, since, task, peak, len(out), len(err))
        return b"".join([head, out, err, answers])

    @staticmethod
    def whole_records(answers):
        """Without a record that the death cut: the journal begins with whole ones."""
        at = 0
        while len(answers) >= at + 16:
            (length,) = struct.unpack_from("<Q", answers, at + 8)
            if len(answers) < at + 16 + length:
                break
            at += 16 + length
        return bytes(answers[:at])

    def printed(self, which):
        """What came out since it was last asked for."""
        file = self.prints[which]
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return b""
        text = os.pread(file.fileno(), size, 0)
        os.truncate(file.fileno(), 0)
        return text

    def close(self):
        self.process.kill()
        self.process.wait()
        self.release()

    def release(self):
        self.socket.close()
        os.close(self.page)
        for file in self.prints:
            file.close()
