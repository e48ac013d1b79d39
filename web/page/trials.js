// The trials: filtered and cut to a page on the server, so that ten thousand of them stay quick.
import {element, get} from './api.js';

const form = document.getElementById('trials-filter');

const show = (value) => (value == null ? '–' : String(value));

function draw({rows, total, parameters, metrics}) {
  const table = document.getElementById('trials');
  const head = element('tr');
  head.append(...['trial', 'state', ...parameters, 'seed', ...metrics].map((name, index) =>
      element('th', name, index > parameters.length + 2 ? 'number' : '')));
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...rows.map((trial) => {
    const row = element('tr');
    row.append(element('td', trial.id), element('td', trial.state));
    row.append(...parameters.map((name) => element('td', show(trial.parameters[name]))));
    row.append(element('td', String(trial.seed)));
    row.append(...metrics.map((name) => element('td', trial.metrics[name] == null ? '–' : (100 * trial.metrics[name]).toFixed(1), 'number')));
    return row;
  }));
  document.getElementById('trials-count').textContent =
      total > rows.length ? `the first ${rows.length} of ${total}` : `${total}`;
}

export async function showTrials() {
  const error = document.getElementById('trials-error');
  try {
    draw(await get('trials', Object.fromEntries(new FormData(form))));
    error.hidden = true;
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  showTrials();
});
