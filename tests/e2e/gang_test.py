"""One trial on several ranks, under a real mpirun: the table of a sweep whose tuning stages are done by two
ranks each is that of one rank each, also when a member is killed; more ranks than there are is refused."""
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

from sweep import BINARY, Sweep, wait_until

YAML = pathlib.Path(__file__).with_name('gang.yaml')
VALUES = ('--rows', 'mode', '--cols', 'tuning', '--value', 'vlguard-unsafe.asr,helpful.accuracy')
# Sums are made in another order, so a response at the edge may differ: of 150 or more a few.
TOLERANCE = 0.02
LOSS_TOLERANCE = 1e-4  # relative, of the mean of the last ten steps


def give_pretrained(sweep, folder):
    with sqlite3.connect(f'file:{sweep.run_folder() / "results.db"}?mode=ro', uri=True) as db:
        (key,), = db.execute("select key from stages where kind = 'pretrain'")
    key = key.hex() if isinstance(key, bytes) else key
    for part in ('worlds', f'stages/{key[:2]}/{key}'):
        shutil.copytree(sweep.folder / '.store' / part, folder / '.store' / part)


def alone(top):
    text = ''.join(line for line in YAML.read_text().splitlines(keepends=True) if 'resources' not in line)
    yaml = top / 'gang.yaml'
    yaml.write_text(text)
    sweep = Sweep(yaml, top / 'alone')
    assert sweep.wait() == 0, sweep.output()
    return sweep


def losses(sweep):
    with sqlite3.connect(f'file:{sweep.run_folder() / "results.db"}?mode=ro', uri=True) as db:
        return dict(db.execute("select s.key, m.value from metrics m join stages s on s.stage = m.stage "
                               "where s.kind = 'tune' and m.name = 'loss'"))


def attempts(sweep):
    with sqlite3.connect(f'file:{sweep.run_folder() / "results.db"}?mode=ro', uri=True) as db:
        return db.execute("select max(attempts) from stages where kind = 'tune'").fetchone()[0]


def close(table, expected):
    assert len(table) == len(expected)
    for mine, other in zip(table, expected):
        assert (mine['rows'], mine['cols']) == (other['rows'], other['cols'])
        if other['value'] is None:
            assert mine['value'] is None
        else:
            assert abs(mine['value'] - other['value']) <= TOLERANCE, (mine, other)


def together(first, folder, killed_role=None):
    give_pretrained(first, folder)
    sweep = Sweep(YAML, folder, ranks=3)
    if killed_role:
        sweep.wait_for_stages('tune', 1)
        killed = sweep.kill(killed_role)
        wait_until(lambda: killed not in sweep.own_processes(), 'it to be dead')
    code = sweep.wait()
    assert code == 0, f'status {code}\n{sweep.output()}'
    counts = sweep.status()['counts']
    assert counts['planned'] == counts['done'] + counts['reused'], counts
    return sweep


def refused(top):
    done = subprocess.run([BINARY, 'run', str(YAML), '--dir', str(top / 'refused'), '--ranks', '1'],
                          capture_output=True, text=True)
    assert done.returncode == 2 and 'asks for 2 ranks a trial' in done.stderr, done
    assert not list((top / 'refused').glob('*/journal'))


def main():
    with tempfile.TemporaryDirectory(prefix='vlsweep-gang-') as name:
        top = pathlib.Path(name)
        refused(top)
        first = alone(top)
        expected, one = first.table(*VALUES), losses(first)
        gang = together(first, top / 'gang')
        two = losses(gang)
        assert one.keys() == two.keys() and len(one) == 4, (one, two)
        worst = max(abs(one[name] - two[name]) / one[name] for name in one)
        print(f'4 tuning stages by 2 ranks each: final losses within {worst:.1e} of one rank each')
        assert worst < LOSS_TOLERANCE, (one, two)
        close(gang.table(*VALUES), expected)
        assert not list((gang.folder / '.store').glob('resume/*')) and not list((gang.folder / '.store' / 'tmp').iterdir())
        for role in ('trainer', 'agent'):
            rough = together(first, top / role, role)
            close(rough.table(*VALUES), expected)
            print(f'{role} killed: the same table, most attempts at a stage: {attempts(rough)}', flush=True)


if __name__ == '__main__':
    main()
