"""A trainer, a worker rank, the coordinator and the launcher are killed in the middle of a sweep; each
time it ends in the very table of an undisturbed run, nothing is counted twice and nobody is left."""
import pathlib
import sys
import tempfile

from sweep import SOURCE, Sweep

YAML = SOURCE / 'sweeps' / 'smoke.yaml'
VALUES = ('--rows', 'mode,safety_ratio', '--cols', 'tuning', '--value', 'vlguard-unsafe.asr,helpful.accuracy,advbench.asr')


def undisturbed(folder):
    sweep = Sweep(YAML, folder)
    assert sweep.wait() == 0, sweep.output()
    return sweep.table(*VALUES)


def disturbed(folder, role):
    sweep = Sweep(YAML, folder)
    sweep.wait_for_stages('tune', 2)
    sweep.kill(role)
    code = sweep.wait()
    if role == 'launcher':
        assert code != 0
        sweep = Sweep(YAML, folder)
        code = sweep.wait()
    assert code == 0, f'{role}: status {code}\n{sweep.output()}'
    status = sweep.status()
    counts = status['counts']
    assert counts['planned'] == counts['done'] + counts['reused'], counts
    return sweep.table(*VALUES)


def main():
    roles = sys.argv[1:] or ['trainer', 'agent', 'coordinator', 'launcher']
    with tempfile.TemporaryDirectory(prefix='vlsweep-kill-') as top:
        expected = undisturbed(pathlib.Path(top) / 'undisturbed')
        assert any(cell['value'] is not None for cell in expected), expected
        for role in roles:
            table = disturbed(pathlib.Path(top) / role, role)
            assert table == expected, f'{role} killed: the table differs\n{table}\n{expected}'
            print(f'{role} killed: same table ({len(table)} cells)', flush=True)


if __name__ == '__main__':
    main()
