"""The page in headless Chromium while a sweep runs and after it: live state, curves, ablation table,
trials; nothing asked of another host, no error on the console, nobody in without the token.

VLSWEEP_SCREENSHOTS=FOLDER keeps pictures there."""
import os
import pathlib
import re
import shutil
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'web'))
from sweep import SOURCE, Sweep, wait_until  # noqa: E402
from webdriver import Browser  # noqa: E402

YAML = pathlib.Path(os.environ.get('VLSWEEP_PAGE_SWEEP', SOURCE / 'sweeps' / 'smoke.yaml'))
PICTURES = os.environ.get('VLSWEEP_SCREENSHOTS')


def picture(browser, name):
    if PICTURES:
        browser.screenshot(pathlib.Path(PICTURES) / f'{name}.png')


def served_url(sweep):
    found = wait_until(lambda: re.search(r'http://127\.0\.0\.1:\d+/\?token=[\w-]+', sweep.output()), 'the address of the page')
    return found[0]


def nobody_without_token(url):
    try:
        urllib.request.urlopen(url.split('?')[0] + 'api/trials')
    except urllib.error.HTTPError as refused:
        assert refused.code == 401, refused.code
        return
    raise AssertionError('the page let a stranger in')


def watch_live(browser):
    browser.wait("return document.getElementById('run-state').textContent === 'running'", 120)
    browser.wait("return document.querySelectorAll('#ranks tbody tr').length === 2", 120)
    browser.wait("return document.querySelector('#curves canvas') !== null && /running/.test(document.getElementById('legend').textContent)", 240)
    picture(browser, 'page-running')


def read_finished(browser):
    browser.wait("return document.getElementById('run-state').textContent === 'done'", 600)
    cells = browser.wait("const n = document.querySelectorAll('#table td.heat').length; return n > 3 && n", 30)
    rows = browser.wait("return document.querySelectorAll('#trials tbody tr').length", 30)
    assert cells and rows
    browser.run("const f = document.getElementById('query'); f.elements.where.value = 'nosuch == 1'; f.requestSubmit();")
    message = browser.wait("const e = document.getElementById('query-error'); return !e.hidden && e.textContent")
    assert 'nosuch' in message, message
    browser.run("const f = document.getElementById('query'); f.elements.where.value = 'mode == posthoc'; f.requestSubmit();")
    browser.wait("return document.getElementById('query-error').hidden && document.querySelectorAll('#table td.heat').length > 0")
    picture(browser, 'page-done')


def asks_only_its_own_host(browser, url):
    base = url.split('?')[0]
    foreign = [asked for asked in browser.requested_urls() if not asked.startswith((base, 'data:', 'chrome', 'about:'))]
    assert not foreign, foreign
    # The refused query above is the one request that failed, on purpose.
    errors = [line for line in browser.console() if '/api/table' not in line]
    assert not errors, errors


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix='vlsweep-page-')) / 'runs'
    sweep = Sweep(YAML, folder, extra=('--serve', '127.0.0.1:0', '--linger'))
    try:
        url = served_url(sweep)
        nobody_without_token(url)
        with Browser() as browser:
            browser.open(url)
            assert 'token' not in browser.run('return location.href')
            watch_live(browser)
            read_finished(browser)
            asks_only_its_own_host(browser, url)
        for name, options in {'page-dark': {'dark': True}, 'page-narrow': {'width': 500, 'height': 1200}}.items():
            with Browser(**options) as browser:
                browser.open(url)
                browser.wait("return document.querySelectorAll('#table td').length > 3")
                assert browser.run('return document.documentElement.scrollWidth <= window.innerWidth + 1'), 'the page scrolls sideways'
                picture(browser, name)
        sweep.process.terminate()
        assert sweep.wait(30) == 0, sweep.output()
    finally:
        sweep.process.kill()
        shutil.rmtree(folder.parent, ignore_errors=True)


if __name__ == '__main__':
    main()
