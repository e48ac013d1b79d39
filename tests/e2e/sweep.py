"""A real `vlsweep run` under a test's eye: started, watched through its own commands, its processes
found (and killed) by what they are."""
import json
import os
import pathlib
import signal
import subprocess
import time

BINARY = os.environ['VLSWEEP_BINARY']
SOURCE = pathlib.Path(__file__).resolve().parents[2]


def vlsweep(*arguments, check=True):
    """Runs one command; returns its standard output. check: a status other than 0 or 1 fails."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True)
    if check and done.returncode not in (0, 1):
        raise AssertionError(f'vlsweep {arguments}: status {done.returncode}\n{done.stdout}{done.stderr}')
    return done.stdout


def wait_until(condition, what, seconds=300):
    """Awaits a condition; returns its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f'not within {seconds} s: {what}')


def processes():
    """pid -> (parent's pid, command line) of every living process."""
    found = {}
    for entry in pathlib.Path('/proc').iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / 'stat').read_text().rsplit(')', 1)[1].split()
            command = (entry / 'cmdline').read_bytes().split(b'\0')
        except OSError:
            continue
        if stat[0] != 'Z':
            found[int(entry.name)] = (int(stat[1]), [part.decode(errors='replace') for part in command])
    return found


class Sweep:
    """One `vlsweep run` in a folder of its own."""

    def __init__(self, yaml, folder, ranks=2, extra=()):
        self.folder, self.name = pathlib.Path(folder), None
        self.log = open(self.folder.with_suffix('.log'), 'w+')
        self.process = subprocess.Popen([BINARY, 'run', str(yaml), '--dir', str(folder), '--ranks', str(ranks), *extra],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)

    def run_folder(self):
        runs = [path.parent for path in self.folder.glob('*/plan.json')]
        return runs[0] if runs else None

    def status(self):
        folder = self.run_folder()
        if folder is None:
            return None
        done = subprocess.run([BINARY, 'status', str(folder), '--json'], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode in (0, 1) and done.stdout else None

    def own_processes(self):
        """Those that name this run's folder on their command line, and their children."""
        alive = processes()
        mine = {pid for pid, (_, command) in alive.items() if any(str(self.folder) in part for part in command)}
        while True:
            more = {pid for pid, (parent, _) in alive.items() if parent in mine} - mine
            if not more:
                return {pid: alive[pid] for pid in mine}
            mine |= more

    def pids_of(self, role):
        """role: trainer, agent, coordinator, mpirun, launcher."""
        mine = self.own_processes()
        if role == 'launcher':
            return [self.process.pid]
        if role == 'mpirun':
            return [pid for pid, (_, command) in mine.items() if command[0].endswith(('mpirun', 'orterun', 'prterun'))]
        if role == 'trainer':
            return [pid for pid, (_, command) in mine.items() if command[0].endswith('vlsweep-trainer')]
        ranks = [pid for pid, (_, command) in mine.items() if len(command) > 1 and command[1] == 'rank']
        coordinator = int((self.run_folder() / 'coordinator.pid').read_text())
        return [coordinator] if role == 'coordinator' else [pid for pid in ranks if pid != coordinator]

    def kill(self, role):
        """SIGKILL to one process of that role, as soon as there is one."""
        pid = wait_until(lambda: self.pids_of(role), f'a {role} to kill')[0]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_stages(self, kind, count):
        """Until `count` stages of a kind have begun or ended."""
        def begun():
            if self.process.poll() is not None:
                raise AssertionError(f'the run ended early:\n{self.output()}')
            status = self.status()
            return status and status['kinds'].get(kind, {}).get('begun', 0) >= count
        wait_until(begun, f'{count} {kind} stages begun')

    def wait(self, seconds=900):
        code = self.process.wait(seconds)
        leftover = wait_until(lambda: not self.own_processes() or None, 'every process to be gone', 20)
        assert leftover
        return code

    def output(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def table(self, *arguments):
        return json.loads(vlsweep('query', self.run_folder(), *arguments, '--format', 'json'))
