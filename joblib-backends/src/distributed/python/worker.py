"""What runs on the engine's workers: feeds Rust workers, one per task of the engine at a time.

A Rust worker is the user's own executable, started with an invitation to become a worker instead of
running `main`. It speaks what WORKERS.md describes; this module is the parent's side of it, for one
batch at a time. It is made by `exec` from its source, under a name that holds the source's hash, so
that a worker of the engine that lives on never keeps an old version.

Nothing raised here would be understood at the other end: what happened is told in the answer.
"""

import collections
import fcntl
import hashlib
import multiprocessing
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

PAGE = 4096 + 65536
WORDS = struct.Struct("<QQQQQQQ")  # batch and 1 + task begun last, when, journal, claims, peak memory
CLAIMS = 32
HANDSHAKE = 24
START_LIMIT = 60.0

JOB = struct.Struct("<QQQQII")  # function, fingerprint, limit in ns, call, length of the end mark, gaps
GAP = struct.Struct("<IIQQ")  # task, whose result belongs there, behind how many bytes, answer that has it
BATCH = struct.Struct("<QQQQQQ")  # bytes that follow, number, function, fingerprint, and how arrays travel
WHOLE = (2**64 - 1, 2)  # within their values: nobody here could look into shared memory
ANSWER = struct.Struct("<BiIQIQII")  # status, return code, pid, since, 1 + task, peak memory, prints to 1 and 2

RECORD = struct.Struct("<IHHQ")  # task, kind, files, bytes that follow
VALUE, PLACES = 0, 2  # kinds
PLACE = struct.Struct("<QQ")  # id, and descriptor, inode and serial number in one
LOOK = 1.0  # seconds after which to see whether somebody still waits for the answer
KEPT = 30.0  # seconds that a blob stays which nobody uses

ALL = 2**64 - 1  # the number of no call

DONE, DIED, TIMED_OUT, NO_START, MISSING = range(5)

SIGNALS = range(signal.SIGRTMIN + 1, signal.SIGRTMAX)  # those that nobody else uses

lock = threading.Lock()
starting = threading.Lock()  # a child that is being started must not hold a program that is being written
idle = []
running = set()
killed = collections.deque(maxlen=1000)
present = []  # the calls that the batches here are part of
signals = {}  # a client and its signal
blobs = {}
serials = 0


def run(client, cores, executable, identity, job, program=None, shared=(), alive=(), results=()):
    """Runs one batch and returns an answer.

    `client` tells the calls of one program from those of others; `cores` is how many each worker may
    use; `program` is the executable if it has to be shipped, its digest and where the bytes come
    from; `shared` is what the batch refers to, pairs of an id and where the bytes come from; `alive`
    are the ids that later batches may refer to; `results` are answers of other batches, pairs of an id and the answer.
    """
    job = memoryview(bytes_of(job))
    function, fingerprint, limit, call, end_len, gaps = JOB.unpack_from(job)
    gaps_end = JOB.size + gaps * GAP.size
    gaps, batch = list(GAP.iter_unpack(job[JOB.size : gaps_end])), job[gaps_end:]
    end = bytes(batch[len(batch) - end_len :])
    call = (client, call)
    held = []
    present.append(call)
    try:
        forget(client, alive)
        for id, source in shared:
            held.append((id, hold(client, id, source)))
        return run_batch(
            (executable, identity, cores), program, call, function, fingerprint, limit,
            [places(held), *filled(batch, gaps, dict(results))], end,
        )
    except Missing:
        return ANSWER.pack(MISSING, *[0] * 7)
    finally:
        present.remove(call)
        let_go(blob for _, blob in held)


def run_all(batches):
    """Runs one after the other; how many seconds they took, and the answers."""
    begin = time.monotonic()
    answers = [run(*arguments) for arguments in batches]
    return time.monotonic() - begin, answers


def run_batch(build, program, call, function, fingerprint, limit, pieces, end):
    try:
        child = take(build, program, call)
    except CannotStart as error:
        return ANSWER.pack(NO_START, *[0] * 7) + str(error).encode()
    reusable = False
    try:
        status, answers = child.run(function, fingerprint, limit, pieces, end)
        answer = child.answer(status, answers)
        reusable = status == DONE
    finally:  # also after a KeyboardInterrupt, which is how some engines stop what runs
        give_back(child, reusable)
    return answer


def brief(answer, silent):
    """The answer without the results of the tasks `silent`, which stay here."""
    pieces = [answer[: records_at(answer)]]
    for task, kind, files, body in records(answer):
        if kind == VALUE and task in silent:
            body = b""
        pieces += [RECORD.pack(task, kind, files, len(body)), body]
    return b"".join(pieces)


def filled(batch, gaps, answers):
    """The records of the batch, in pieces, with results of other batches in the gaps of arguments."""
    if not gaps:
        return [batch]
    results = {id: results_of(bytes_of(answer)) for id, answer in answers.items()}
    pieces = []
    gaps = collections.deque(gaps)
    for task, kind, files, body in records(batch, 0):
        parts, begin = [], 0
        while gaps and gaps[0][0] == task:
            _, other, at, id = gaps.popleft()
            if other not in results[id]:  # made again, it became a failure
                raise Missing
            parts += [body[begin:at], results[id][other]]
            begin = at
        parts.append(body[begin:])
        pieces += [RECORD.pack(task, kind, files, sum(map(len, parts))), *parts]
    return pieces


def results_of(answer):
    """The results in it by their tasks."""
    return {task: body for task, kind, _, body in records(answer) if kind == VALUE}


def records_at(answer):
    *_, out, err = ANSWER.unpack_from(answer)
    return ANSWER.size + out + err


def records(data, at=None):
    data = memoryview(data)
    at = records_at(data) if at is None else at
    while at + RECORD.size <= len(data):
        task, kind, files, length = RECORD.unpack_from(data, at)
        at += RECORD.size + length
        yield task, kind, files, data[at - length : at]


class Missing(Exception):
    """Bytes that a batch refers to are not here."""


class Blob:
    """Bytes that many batches refer to, where Rust workers can map them."""

    def __init__(self, data):
        global serials
        self.users = 1
        self.used = time.monotonic()
        self.file = os.memfd_create("joblib-shared", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self.file, rest) :]
            seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
            fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, seals)
        except BaseException:
            os.close(self.file)
            raise
        inode = os.fstat(self.file).st_ino & ((1 << 23) - 1)
        serials = (serials + 1) & 0xFFFF
        self.place = self.file << 40 | inode << 16 | serials


def hold(client, id, source):
    """The blob with that id, for a batch."""
    with lock:
        blob = blobs.get((client, id))
        if blob is not None:
            blob.users += 1
            return blob
    blob = Blob(bytes_of(source))
    with lock:
        if not blobs:
            threading.Thread(target=watch_blobs, daemon=True).start()
        other = blobs.setdefault((client, id), blob)
        if other is not blob:  # another batch was faster
            other.users += 1
            os.close(blob.file)
        return other


def bytes_of(source):
    """What an engine's reference stands for."""
    if source is None:
        raise Missing
    if isinstance(source, bytes):
        return source
    if hasattr(source, "value"):  # Spark's broadcast
        return source.value
    import ray

    try:
        return ray.get(source)
    except ray.exceptions.ObjectLostError:
        raise Missing from None


def places(held):
    """A record that tells where they are."""
    if not held:
        return b""
    pairs = b"".join(PLACE.pack(id, blob.place) for id, blob in held)
    return RECORD.pack(0, PLACES, 0, len(pairs)) + pairs


def let_go(held):
    with lock:
        for blob in held:
            blob.users -= 1
            blob.used = time.monotonic()


def forget(client, alive):
    """Drops what no batch of that client refers to any more."""
    drop_blobs(lambda key, blob: key[0] == client and key[1] not in alive)


def drop_blobs(condition):
    with lock:
        for key, blob in list(blobs.items()):
            if blob.users == 0 and condition(key, blob):
                del blobs[key]
                os.close(blob.file)  # Rust workers see that, and let go of it, too


def watch_blobs():
    """Drops what nobody has used for long, until there is nothing."""
    while True:
        time.sleep(KEPT / 6)
        drop_blobs(lambda _, blob: time.monotonic() - blob.used > KEPT)
        with lock:
            if not blobs:
                return


def kill(client, call):
    """Kills what runs for that call, or for `ALL` of that client; its batches end at once."""
    with lock:  # held, so that no victim becomes another call's worker meanwhile
        killed.append((client, call))
        for child in running:
            if child.call[0] == client and call in (ALL, child.call[1]):
                child.killed = True
                child.process.kill()


def heed(client):
    """Has a signal kill what runs for that client, where nothing else reaches a process that runs
    something. Returns its number; 0 if there is none."""
    if client not in signals:
        free = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
        # With so many clients, the first of them have gone long ago.
        signals[client] = free[0] if free else signals.pop(next(iter(signals), None), 0)
    try:
        signal.signal(signals[client], lambda *_: strike(client))
    except ValueError:  # there is none, or only the main thread may ask for one
        signals[client] = 0
    return signals[client]


def strike(client):
    """Kills what runs for that client, wherever this thread was interrupted: without the lock."""
    killed.extend(call for call in present if call[0] == client)
    for child in list(running):
        if child.call[0] == client:
            child.killed = True
            child.process.kill()


def is_wanted():
    """False if the engine is known to drop the answer, because whoever asked has gone."""
    dask = sys.modules.get("distributed.worker")
    key = getattr(dask.thread_state, "key", None) if dask else None
    if key is None:
        return True
    task = dask.thread_state.execution_state["worker"].state.tasks.get(key)
    return task is not None and task.state != "cancelled"


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
    child = Child(build, shipped(*program) if program is not None else build[0])
    with lock:
        use(child, call)
    return child


def use(child, call):
    child.call = call
    running.add(child)
    if call in killed or (call[0], ALL) in killed:  # before there was anything to kill
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


def shipped(digest, source):
    """A file with that content, written once for all workers of this machine."""
    folder = os.path.join(tempfile.gettempdir(), f"joblib-rust-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if os.stat(folder).st_uid != os.getuid():
        raise CannotStart(f"`{folder}` belongs to somebody else")
    path = os.path.join(folder, digest)
    if not os.path.exists(path):
        program = bytes_of(source)
        with starting:
            file, temporary = tempfile.mkstemp(dir=folder)
            with os.fdopen(file, "wb") as file:
                file.write(program)
        os.chmod(temporary, 0o700)
        os.replace(temporary, path)
    return path


def end_with_parent():
    """A process of Python's own pools would wait for ever for a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


end_with_parent()


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
            with starting:
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

    def run(self, function, fingerprint, limit, pieces, end):
        """The status, and the bytes that came as answers."""
        self.batch += 1
        claim = CLAIMS + 8 * (self.batch % 2)
        os.pwrite(self.page, struct.pack("<Q", self.batch * 2), claim)
        begin = time.monotonic_ns()
        answers = bytearray()
        try:
            length = sum(len(piece) for piece in pieces)
            self.socket.sendall(BATCH.pack(length, self.batch, function, fingerprint, *WHOLE))
            for piece in pieces:
                self.socket.sendall(piece)
            while not answers.endswith(end):
                if not self.readable(limit, begin):
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
            pause = LOOK
            if limit:
                batch, _, since, *_ = WORDS.unpack(os.pread(self.page, WORDS.size, 0))
                since = since if batch == self.batch else begin
                left = limit - (time.monotonic_ns() - since)
                if left <= 0:
                    return False
                pause = min(pause, left / 1e9)
            if select.select([self.socket], [], [], pause)[0]:
                return True
            if not is_wanted():
                self.killed = True
                self.process.kill()
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
