// The strip on top, the ranks and the events: everything that a state message carries.
import {element} from './api.js';

const kOrder = ['done', 'reused', 'running', 'failed', 'blocked', 'waiting'];

function duration(seconds) {
  if (seconds == null) return '';
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

function showBar(counts) {
  const bar = document.getElementById('bar');
  const parts = kOrder.slice(0, 5).filter((name) => counts[name] > 0);
  bar.replaceChildren(...parts.map((name) => {
    const part = element('span', '', name);
    part.style.width = `${100 * counts[name] / Math.max(1, counts.planned)}%`;
    return part;
  }));
  bar.setAttribute('aria-label', kOrder.map((name) => `${counts[name]} ${name}`).join(', '));
}

function showCounts(state) {
  const {counts, trials, sharing} = state;
  const items = [
    [`${counts.done + counts.reused} of ${counts.planned}`, 'stages done'],
    [`${trials.done} of ${trials.total}`, 'trials done'],
    [counts.running, 'running'],
    [counts.waiting, 'waiting'],
  ];
  if (counts.reused) items.push([counts.reused, 'reused from the store']);
  if (counts.failed) items.push([counts.failed, 'failed']);
  if (counts.blocked) items.push([counts.blocked, 'blocked']);
  items.push([`${sharing.stages} for ${sharing.without}`, 'stages by sharing']);
  if (state.elapsed_s != null) items.push([duration(state.elapsed_s), 'elapsed']);
  if (state.eta_s != null && state.run.state === 'running') items.push([duration(state.eta_s), 'to go (estimate)']);
  document.getElementById('counts').replaceChildren(...items.map(([value, label]) => {
    const item = element('span');
    item.append(element('b', String(value)), ` ${label}`);
    return item;
  }));
}

function showRanks(ranks) {
  document.querySelector('#ranks tbody').replaceChildren(...ranks.map((rank) => {
    const row = element('tr');
    const step = rank.steps ? `${rank.step} / ${rank.steps}` : '';
    row.append(...[rank.rank, rank.host, rank.device, rank.state, rank.stage ?? '', step].map((cell) => element('td', String(cell))));
    return row;
  }));
}

function showEvents(events) {
  document.getElementById('events').replaceChildren(...events.slice().reverse().map((event) => {
    const item = element('li');
    item.append(element('time', new Date(1000 * event.time).toLocaleTimeString()), event.text);
    return item;
  }));
}

export function showState(state) {
  document.title = `${state.run.name}: ${state.run.state}`;
  document.getElementById('run-name').textContent = state.run.name;
  const pill = document.getElementById('run-state');
  pill.textContent = state.run.state;
  pill.dataset.state = state.run.state;
  const trouble = document.getElementById('trouble');
  trouble.hidden = !state.trouble;
  trouble.textContent = state.trouble ?? '';
  showBar(state.counts);
  showCounts(state);
  showRanks(state.ranks);
  showEvents(state.events);
}

export function showLost() {
  const pill = document.getElementById('run-state');
  pill.textContent = 'no connection, trying again';
  delete pill.dataset.state;
}
