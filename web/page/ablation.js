// The ablation table: the same query as `vlsweep query`, with its intervals and its reasons.
import {element, get} from './api.js';

const form = document.getElementById('query');
let isRate = true;

function number(value) {
  return isRate ? (100 * value).toFixed(1) : Number(value.toPrecision(4)).toString();
}

function cellOf(cell) {
  if (!cell || cell.value == null) {
    const empty = element('td', '–', 'number empty');
    empty.title = cell?.why ?? 'no such combination in this sweep';
    return empty;
  }
  const made = element('td', number(cell.value), isRate ? 'number heat' : 'number');
  if (isRate) made.style.setProperty('--share', `${100 * cell.value}%`);
  if (cell.ci_low != null) made.append(' ', element('span', `[${number(cell.ci_low)}, ${number(cell.ci_high)}]`, 'interval'));
  made.title = `n = ${cell.n}, trials: ${cell.trials}`;
  return made;
}

const label = (names) => Object.values(names).map((value) => (value == null ? '–' : String(value)));

function draw(answer) {
  isRate = answer.rate;
  const columns = new Map();
  const rows = new Map();
  for (const cell of answer.cells) {
    const row = JSON.stringify(cell.rows);
    const column = JSON.stringify(cell.cols);
    columns.set(column, cell.cols);
    if (!rows.has(row)) rows.set(row, {names: cell.rows, cells: new Map()});
    rows.get(row).cells.set(column, cell);
  }
  const head = element('tr');
  const first = answer.cells[0];
  head.append(...Object.keys(first?.rows ?? {}).map((name) => element('th', name)));
  for (const names of columns.values()) head.append(element('th', label(names).join(' ') || answer.value, 'number'));
  const table = element('table');
  table.append(element('thead'), element('tbody'));
  table.tHead.append(head);
  for (const {names, cells} of rows.values()) {
    const row = element('tr');
    row.append(...label(names).map((text) => element('td', text)));
    for (const column of columns.keys()) row.append(cellOf(cells.get(column)));
    table.tBodies[0].append(row);
  }
  document.getElementById('table').replaceChildren(table);
}

export async function showTable() {
  const error = document.getElementById('query-error');
  try {
    draw(await get('table', Object.fromEntries(new FormData(form))));
    error.hidden = true;
  } catch (problem) {
    error.textContent = problem.message;
    error.hidden = false;
  }
}

export async function prepareTable() {
  const {values, rows, cols, value} = await get('metrics');
  form.elements.value.replaceChildren(...values.map((name) => new Option(name, name, false, name === value)));
  form.elements.rows.value = rows;
  form.elements.cols.value = cols;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    showTable();
  });
  form.elements.value.addEventListener('change', showTable);
}
