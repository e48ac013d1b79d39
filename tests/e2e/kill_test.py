"""A trainer, a worker rank, the coordinator and the launcher are killed in the middle of a sweep; each
time it ends in the very table of an undisturbed run, nothing is counted twice and nobody is left."""
import pathlib
import shutil
import sqlite3
import sys
import tempfile

from sweep import Sweep

YAML = pathlib.Path(__file__).with_name('kill.yaml')
VALUES = ('--rows', 'mode,safety_ratio', '--cols', 'tuning', '--value', 'vlguard-unsafe.asr,helpful.accuracy,advbench.asr')


def undisturbed(folder):
    sweep = Sweep(YAML, folder)
    assert sweep.wait() == 0, sweep.output()
    return sweep


def give_pretrained(sweep, folder):
    """The worlds and the pretrained base of a finished run, so that each kill hits a tuning stage."""
    with sqlite3.connect(f'file:{sweep.run_folder() / "results.db"}?mode=ro', uri=True) as db:
        (key,), = db.execute("select key from stages where kind = 'pretrain'")
    key = key.hex() if isinstance(key, bytes) else key
    for part in ('worlds', f'stages/{key[:2]}/{key}'):
        shutil.copytree(sweep.folder / '.store' / part, folder / '.store' / part)


def disturbed(folder, role):
    sweep = Sweep(YAML, folder)
    sweep.wait_for_stages('tune', 3)
    sweep.kill(role)
    code = sweep.wait()
    if role == 'launcher':
        assert code != 0
        sweep = Sweep(YAML, folder)
        code = sweep.wait()
    assert code == 0, f'{role}: status {code}\n{sweep.output()}'
    counts = sweep.status()['counts']
    assert counts['planned'] == counts['done'] + counts['reused'], counts
    return sweep.table(*VALUES)


def main():
    roles = sys.argv[1:] or ['trainer', 'agent', 'coordinator', 'launcher']
    with tempfile.TemporaryDirectory(prefix='vlsweep-kill-') as top:
        first = undisturbed(pathlib.Path(top) / 'undisturbed')
        expected = first.table(*VALUES)
        assert any(cell['value'] is not None for cell in expected), expected
        for role in roles:
            folder = pathlib.Path(top) / role
            give_pretrained(first, folder)
            table = disturbed(folder, role)
            assert table == expected, f'{role} killed: the table differs\n{table}\n{expected}'
            print(f'{role} killed: same table ({len(table)} cells)', flush=True)


if __name__ == '__main__':
    main()
